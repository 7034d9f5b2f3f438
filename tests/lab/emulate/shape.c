// SPDX-License-Identifier: MIT
/* shape.c - read the words that describe a link */
#include "emulate/shape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit times[] = { { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, {} };
static const struct unit rates[] = {
	{ "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 }, { "gbit", 1e9 }, {}
};
static const struct unit sizes[] = { { "", 1 }, { "k", 1024 }, { "m", 1048576 }, {} };
static const struct unit shares[] = { { "", 1 }, { "%", 0.01 }, {} };

static int parse_number(const char *word, const struct unit *units, double *value)
{
	const struct unit *u;
	char *rest;
	double v;

	if (!word)
		return -EINVAL;
	v = strtod(word, &rest);
	if (rest == word || !(v >= 0 && v < 1e15))
		return -EINVAL;
	if (v == 0 && !*rest) {
		*value = 0;
		return 0;
	}
	for (u = units; u->name; u++) {
		if (strcmp(u->name, rest) == 0) {
			*value = v * u->factor;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_whole(const char *word, const struct unit *units, u64 *value)
{
	double v;
	int err = parse_number(word, units, &v);

	if (!err)
		*value = (u64)(v + 0.5);
	return err;
}

static int parse_share(const char *word, double *value)
{
	double v;

	if (parse_number(word, shares, &v) || v > 1)
		return -EINVAL;
	*value = v;
	return 0;
}

int shape_parse_time(const char *word, u64 *ns)
{
	return parse_whole(word, times, ns);
}

static char *next_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, " \t\n=");
	} while (word && !*word);
	return word;
}

static int parse_burst(struct shape *s, char **rest)
{
	double length;

	if (parse_share(next_word(rest), &s->burst_loss))
		return -EINVAL;
	if (s->burst_loss == 0)
		return 0;
	if (s->burst_loss == 1 || parse_number(next_word(rest), sizes, &length) || length < 1)
		return -EINVAL;
	s->burst_length = length;
	return 0;
}

/* In bytes, or in the time the link needs to send them, whatever its rate becomes. */
static int parse_queue(struct shape *s, const char *word)
{
	s->queue_bytes = 0;
	s->queue_ns = 0;
	if (parse_whole(word, sizes, &s->queue_bytes) == 0)
		return 0;
	return parse_whole(word, times, &s->queue_ns);
}

static int change_one(struct shape *s, const char *what, char **rest)
{
	if (strcmp(what, "rate") == 0)
		return parse_whole(next_word(rest), rates, &s->rate_bps);
	if (strcmp(what, "delay") == 0)
		return parse_whole(next_word(rest), times, &s->delay_ns);
	if (strcmp(what, "jitter") == 0)
		return parse_whole(next_word(rest), times, &s->jitter_ns);
	if (strcmp(what, "queue") == 0)
		return parse_queue(s, next_word(rest));
	if (strcmp(what, "loss") == 0)
		return parse_share(next_word(rest), &s->loss);
	if (strcmp(what, "burst") == 0)
		return parse_burst(s, rest);
	if (strcmp(what, "down") == 0 || strcmp(what, "up") == 0) {
		s->down = *what == 'd';
		return 0;
	}
	return -EINVAL;
}

int shape_change(struct shape *s, char *words, const char **bad)
{
	char *what;

	while ((what = next_word(&words))) {
		*bad = what;
		if (change_one(s, what, &words))
			return -EINVAL;
	}
	return 0;
}

u64 shape_queue_limit(const struct shape *s)
{
	u64 wait_ns = s->queue_ns ? s->queue_ns : MAX(2 * s->delay_ns, 20000000ULL);

	if (s->queue_bytes)
		return s->queue_bytes;
	return MAX((u64)((double)s->rate_bps / 8e9 * (double)wait_ns), 30 * 1514ULL);
}
