// SPDX-License-Identifier: MIT
/* spec.c - links and flows as people write them */
#include "sim/spec.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <triglav/wire.h>

#include "sim/event.h"

struct unit {
	const char *name;
	double factor;
};

const char *const flow_kind_names[FLOW_KINDS] = { "cubic", "reno", "bbr", "quic", "udp", "ping" };

static double with_unit(const char *text, const struct unit *units)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || v < 0)
		return -1;
	for (; units->name; units++)
		if (!strcasecmp(end, units->name))
			return v * units->factor;
	return -1;
}

double spec_rate(const char *text)
{
	static const struct unit units[] = { { "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 }, { "gbit", 1e9 }, { "", 1e6 }, { 0 } };

	return with_unit(text, units);
}

double spec_time(const char *text)
{
	static const struct unit units[] = { { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "", 1e9 }, { 0 } };

	return with_unit(text, units);
}

double spec_bytes(const char *text)
{
	static const struct unit units[] = { { "", 1 }, { "b", 1 }, { "kb", 1e3 }, { "mb", 1e6 }, { 0 } };

	return with_unit(text, units);
}

double spec_share(const char *text)
{
	static const struct unit units[] = { { "%", 0.01 }, { "", 1 }, { 0 } };

	return with_unit(text, units);
}

/* ---- links ---- */

/* Words that stand alone. */
static const struct {
	const char *word;
	enum link_key key;
	double value;
} words[] = {
	{ "cut", LINK_CUT, 1 },	    { "uncut", LINK_CUT, 0 },	  { "stall", LINK_STALL, 1 },	 { "go", LINK_STALL, 0 },
	{ "nat", LINK_NAT, 1 },	    { "move", LINK_MOVE, 1 },	  { "off", LINK_CARRIER, 0 },	 { "on", LINK_CARRIER, 1 },
	{ "remove", LINK_PRESENT, 0 }, { "add", LINK_PRESENT, 1 },
};

static const struct {
	const char *name;
	enum link_key key;
	double (*read)(const char *text);
	double (*second)(const char *text);	/* behind a slash */
} settings[] = {
	{ "rate", LINK_RATE, spec_rate, NULL },
	{ "delay", LINK_DELAY, spec_time, NULL },
	{ "jitter", LINK_JITTER, spec_time, NULL },
	{ "queue", LINK_QUEUE, spec_time, NULL },
	{ "loss", LINK_LOSS, spec_share, NULL },
	{ "burst", LINK_BURST, spec_share, spec_share },
	{ "copy", LINK_COPY, spec_share, NULL },
	{ "reorder", LINK_REORDER, spec_share, spec_time },
	{ "fade", LINK_FADE, spec_share, NULL },
	{ "mtu", LINK_MTU, spec_bytes, NULL },
};

static int read_setting(struct link_step *s, char *word)
{
	char *value = strchr(word, '='), *slash;

	if (!value)
		return -EINVAL;
	*value++ = 0;
	for (u32 i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(word, settings[i].name))
			continue;
		slash = strchr(value, '/');
		if (!slash != !settings[i].second)
			return -EINVAL;
		if (slash) {
			*slash++ = 0;
			s->second = settings[i].second(slash);
		}
		s->key = settings[i].key;
		s->value = settings[i].read(value);
		if (s->key == LINK_QUEUE && spec_bytes(value) >= 0) {	/* a bare number is bytes */
			s->key = LINK_QUEUE_BYTES;
			s->value = spec_bytes(value);
		}
		return s->value < 0 || s->second < 0 ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int read_step(struct link_spec *l, char *word, u64 at_ns)
{
	struct link_step s = { .at_ns = at_ns, .lanes = { true, true } };

	if (l->count == SPEC_STEPS)
		return -EINVAL;
	if (!strncmp(word, "up.", 3) || !strncmp(word, "down.", 5)) {
		s.lanes[*word == 'u' ? 1 : 0] = false;
		word = strchr(word, '.') + 1;
	}
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i].word))
			continue;
		s.key = words[i].key;
		s.value = words[i].value;
		l->steps[l->count++] = s;
		return 0;
	}
	if (read_setting(&s, word))
		return -EINVAL;
	l->steps[l->count++] = s;
	return 0;
}

static int read_word(struct link_spec *l, char *word, u64 *at_ns)
{
	double t;

	if (*word == '@') {
		t = spec_time(word + 1);
		if (t < (double)*at_ns)
			return -EINVAL;
		*at_ns = (u64)t;
		return 0;
	}
	if (!strncmp(word, "every=", 6)) {
		l->every_ns = (u64)MAX(spec_time(word + 6), 0);
		return l->every_ns ? 0 : -EINVAL;
	}
	if (!strncmp(word, "weight=", 7)) {
		l->weight = (u32)atoi(word + 7);
		return 0;
	}
	if (!strncmp(word, "behind=", 7)) {
		l->behind = (u32)atoi(word + 7);
		return l->behind ? 0 : -EINVAL;
	}
	if (!strcmp(word, "metered") || !strcmp(word, "backup")) {
		l->flags |= *word == 'm' ? TG_LINK_METERED : TG_LINK_BACKUP;
		return 0;
	}
	return read_step(l, word, *at_ns);
}

int spec_link(struct link_spec *l, const char *text, char *bad)
{
	char copy[4096], *state, *word;
	u64 at_ns = 0;

	memset(l, 0, sizeof(*l));
	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, " \t\n", &state); word; word = strtok_r(NULL, " \t\n", &state)) {
		snprintf(bad, 64, "%s", word);
		if (read_word(l, word, &at_ns))
			return -EINVAL;
	}
	snprintf(bad, 64, "every=");
	if (l->every_ns && (!l->count || !l->steps[l->count - 1].at_ns || l->steps[l->count - 1].at_ns > l->every_ns))
		return -EINVAL;
	return 0;
}

u64 spec_idle_rtt_ns(const struct link_spec *l)
{
	double delay[2] = { 0 };

	for (u32 i = 0; i < l->count; i++)
		for (u32 lane = 0; lane < 2; lane++)
			if (!l->steps[i].at_ns && l->steps[i].key == LINK_DELAY && l->steps[i].lanes[lane])
				delay[lane] = l->steps[i].value;
	return (u64)(delay[0] + delay[1]);
}

/* ---- variations ---- */

/* Between 1/most and most, as likely to double as to halve. */
static double factor(struct rand_source *random, double most)
{
	return exp(((double)rand_u32(random) / UINT32_MAX * 2 - 1) * log(most));
}

void spec_vary(struct link_spec *l, struct rand_source *random)
{
	double rate = factor(random, 2), delay = factor(random, 2), loss = factor(random, 2);
	double when = factor(random, 1.1), queue = factor(random, 1.5);

	for (u32 i = 0; i < l->count; i++) {
		struct link_step *s = &l->steps[i];

		s->at_ns = (u64)((double)s->at_ns * when);
		if (s->key == LINK_RATE)
			s->value *= rate;
		else if (s->key == LINK_DELAY || s->key == LINK_JITTER)
			s->value *= delay;
		else if (s->key == LINK_LOSS || s->key == LINK_BURST)
			s->value *= loss;
		else if (s->key == LINK_QUEUE || s->key == LINK_QUEUE_BYTES)
			s->value *= queue;
	}
	l->every_ns = (u64)((double)l->every_ns * when);
}

/* ---- flows ---- */

static int read_kind(struct flow_spec *f, const char *word)
{
	for (u32 i = 0; i < FLOW_KINDS; i++) {
		if (!strcmp(word, flow_kind_names[i])) {
			f->kind = (enum flow_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_time(u64 *out, const char *text)
{
	double v = spec_time(text);

	*out = (u64)MAX(v, 0);
	return v < 0 ? -EINVAL : 0;
}

static int read_number(double v, u64 *out)
{
	*out = (u64)MAX(v, 0);
	return v < 0 ? -EINVAL : 0;
}

static int read_flow_setting(struct flow_spec *f, char *word)
{
	char *value = strchr(word, '=');
	u64 v = 0;
	int err = -EINVAL;

	if (!strcmp(word, "up") || !strcmp(word, "down")) {
		f->up = *word == 'u';
		return 0;
	}
	if (!strcmp(word, "nohystart")) {
		f->no_hystart = true;
		return 0;
	}
	if (!value)
		return -EINVAL;
	*value++ = 0;
	if (!strcmp(word, "n"))
		return (f->count = (u32)atoi(value)) ? 0 : -EINVAL;
	if (!strcmp(word, "outside"))
		return (f->outside = (u32)atoi(value)) ? 0 : -EINVAL;
	if (!strcmp(word, "start"))
		return read_time(&f->start_ns, value);
	if (!strcmp(word, "stop"))
		return read_time(&f->stop_ns, value);
	if (!strcmp(word, "interval"))
		return read_time(&f->interval_ns, value);
	if (!strcmp(word, "on"))
		return read_time(&f->on_ns, value);
	if (!strcmp(word, "off"))
		return read_time(&f->off_ns, value);
	if (!strcmp(word, "every"))
		return read_time(&f->every_ns, value);
	if (!strcmp(word, "rate"))
		return read_number(spec_rate(value), &f->rate_bits);
	if (!strcmp(word, "chunk"))
		return read_number(spec_bytes(value), &f->chunk_bytes);
	if (!strcmp(word, "size")) {
		err = read_number(spec_bytes(value), &v);
		f->packet_bytes = (u32)v;
		return err || v < 64 || v > TG_INNER_MTU ? -EINVAL : 0;
	}
	return -EINVAL;
}

int spec_flow(struct flow_spec *f, const char *text, bool up, char *bad)
{
	char copy[512], *state, *word;

	*f = (struct flow_spec){ .count = 1, .up = up, .stop_ns = TIME_NEVER, .rate_bits = 1000000, .packet_bytes = 1200 };
	snprintf(copy, sizeof(copy), "%s", text);
	word = strtok_r(copy, ",", &state);
	snprintf(bad, 64, "%s", word ? word : "");
	if (!word || read_kind(f, word))
		return -EINVAL;
	if (f->kind == FLOW_PING) {
		f->packet_bytes = 84;
		f->interval_ns = 20 * NS_PER_MS;
	}
	while ((word = strtok_r(NULL, ",", &state))) {
		snprintf(bad, 64, "%s", word);
		if (read_flow_setting(f, word))
			return -EINVAL;
	}
	return f->chunk_bytes && !f->every_ns ? -EINVAL : 0;
}
