// SPDX-License-Identifier: MIT
/* amounts.c - "20mbit" and "10GB" as people write them */
#include "manage/amounts.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST 1e18
#define RATE_LEAST 1000u	/* bytes/s */
#define BYTES_LEAST 1000000u

struct unit {
	const char *name;
	double worth;
};

static const struct unit rates[] = {
	{ "bit", 1.0 / 8 }, { "kbit", 1e3 / 8 }, { "mbit", 1e6 / 8 }, { "gbit", 1e9 / 8 }, { NULL, 0 },
};

static const struct unit sizes[] = {
	{ "k", 1e3 }, { "kb", 1e3 }, { "m", 1e6 }, { "mb", 1e6 }, { "g", 1e9 }, { "gb", 1e9 }, { "t", 1e12 }, { "tb", 1e12 },
	{ "kib", 1024.0 }, { "mib", 1048576.0 }, { "gib", 1073741824.0 }, { "tib", 1099511627776.0 }, { NULL, 0 },
};

static int parse(const char *text, const struct unit *units, u64 least, u64 *out)
{
	size_t digits = strspn(text, "0123456789.");
	char *unit;
	double value;

	if (!strcmp(text, "none")) {
		*out = 0;
		return 0;
	}
	value = strtod(text, &unit);
	if (!isdigit((unsigned char)*text) || unit != text + digits)
		return -EINVAL;
	for (; units->name; units++)
		if (!strcasecmp(units->name, unit) && value * units->worth >= (double)least && value * units->worth < MOST) {
			*out = (u64)(value * units->worth + 0.5);
			return 0;
		}
	return -EINVAL;
}

int amount_parse_rate(const char *text, u64 *bytes_per_second)
{
	return parse(text, rates, RATE_LEAST, bytes_per_second);
}

int amount_parse_bytes(const char *text, u64 *bytes)
{
	return parse(text, sizes, BYTES_LEAST, bytes);
}
