// SPDX-License-Identifier: MIT
/* sched_names.c - strategies and modes as people write them */
#include <string.h>

#include "path/sched.h"

struct name {
	const char *text;
	int value;
};

static const struct name strategies[] = {	/* the first of a value is the one printed */
	{ "adaptive", SCHED_ADAPTIVE },
	{ "lowest_latency", SCHED_LOWEST_LATENCY },
	{ "latency", SCHED_LOWEST_LATENCY },
	{ "lowest_loss", SCHED_LOWEST_LOSS },
	{ "bandwidth_proportional", SCHED_BANDWIDTH_PROPORTIONAL },
	{ "weighted_round_robin", SCHED_WEIGHTED_ROUND_ROBIN },
	{ "primary_backup", SCHED_PRIMARY_BACKUP },
	{ "redundant", SCHED_REDUNDANT },
	{ "ecmp_aware", SCHED_ECMP_AWARE },
	{ "minrtt", SCHED_MINRTT },
	{ "blest", SCHED_BLEST },
	{ "ecf", SCHED_ECF },
};

static const struct name aggregations[] = {
	{ "none", SCHED_NONE },
	{ "full", SCHED_FULL },
	{ "adaptive", SCHED_AUTO },
};

static const struct name exclusions[] = {
	{ "", SCHED_INCLUDED },
	{ "its delay is too far from the others'", SCHED_TOO_SLOW },
	{ "adds little and would hold up much", SCHED_TOO_THIN },
	{ "adds little and loses much", SCHED_TOO_LOSSY },
	{ "the best path alone was faster", SCHED_NO_GAIN },
};

static int value_of(const struct name *names, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i].text, text) == 0)
			return names[i].value;
	return -1;
}

static const char *text_of(const struct name *names, size_t n, int value)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].value == value)
			return names[i].text;
	return "unknown";
}

int sched_parse_strategy(const char *name)
{
	return value_of(strategies, ARRAY_SIZE(strategies), name);
}

int sched_parse_aggregation(const char *name)
{
	return value_of(aggregations, ARRAY_SIZE(aggregations), name);
}

const char *sched_strategy_name(enum sched_strategy s)
{
	return text_of(strategies, ARRAY_SIZE(strategies), (int)s);
}

const char *sched_aggregation_name(enum sched_aggregation a)
{
	return text_of(aggregations, ARRAY_SIZE(aggregations), (int)a);
}

const char *sched_exclusion_name(enum sched_exclusion e)
{
	return text_of(exclusions, ARRAY_SIZE(exclusions), (int)e);
}
