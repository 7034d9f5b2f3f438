// SPDX-License-Identifier: MIT
/* policy_text.c - policies as people write them, on the command line and in files */
#include "manage/policy_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <triglav/flow.h>
#include <triglav/maps.h>

#include "host/bypass.h"

static const struct {
	const char *name, *expects;
} kinds[] = {
	[TG_POLICY_MARK] = { "mark", "a number from 1 to 0xffffffff" },
	[TG_POLICY_CGROUP] = { "cgroup", "a folder of cgroup2, from / on" },
	[TG_POLICY_DSCP] = { "dscp", "0 to 63, ef, af11 to af43 or cs0 to cs7" },
	[TG_POLICY_PORT] = { "port", "443, tcp/443 or udp/443" },
};

static const char *const classes[] = {
	[TG_CLASS_AUTO] = "auto", [TG_CLASS_REALTIME] = "realtime", [TG_CLASS_BULK] = "bulk", [TG_CLASS_BYPASS] = "bypass",
};

u32 policy_parse_kind(const char *name)
{
	for (u32 i = 1; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return i;
	return 0;
}

int policy_parse_class(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(classes[i], name))
			return (int)i;
	return -1;
}

const char *policy_kind_name(u32 kind)
{
	return kinds[kind].name;
}

const char *policy_class_name(u32 class)
{
	return classes[class];
}

const char *policy_packets_expects(u32 kind)
{
	return kinds[kind].expects;
}

static bool read_number(const char *text, u64 most, u64 *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out <= most;
}

/* "af23" (RFC 2597): class 1 to 4, drop precedence 1 to 3. */
static bool read_assured(const char *text, u64 *out)
{
	u64 number;

	if (strlen(text) != 2 || !read_number(text, 43, &number) || number / 10 < 1 || number % 10 < 1 || number % 10 > 3)
		return false;
	*out = number / 10 * 8 + number % 10 * 2;
	return true;
}

static bool read_dscp(const char *text, u64 *out)
{
	if (!strcmp(text, "ef")) {
		*out = 46;
		return true;
	}
	if (!strncmp(text, "af", 2))
		return read_assured(text + 2, out);
	if (strncmp(text, "cs", 2))
		return read_number(text, 63, out);
	if (!read_number(text + 2, 7, out))
		return false;
	*out *= 8;
	return true;
}

static bool read_port(const char *text, u64 *out)
{
	u64 protocol = !strncmp(text, "tcp/", 4) ? TG_PROTO_TCP : !strncmp(text, "udp/", 4) ? TG_PROTO_UDP : 0;

	if (!read_number(protocol ? text + 4 : text, 65535, out) || !*out)
		return false;
	*out |= protocol << 16;
	return true;
}

/* One that is not there yet has no id. */
static bool read_cgroup(const char *text, u64 *out)
{
	*out = 0;
	return text[0] == '/' && !strpbrk(text, "\"\n") && host_cgroup_find(text, out) != -EINVAL;
}

int policy_parse_packets(struct policy *p, u32 kind, const char *text)
{
	bool good = strlen(text) < sizeof(p->text);

	switch (kind) {
	case TG_POLICY_MARK:
		good = good && read_number(text, UINT32_MAX, &p->value) && p->value;
		break;
	case TG_POLICY_CGROUP:
		good = good && read_cgroup(text, &p->value);
		break;
	case TG_POLICY_DSCP:
		good = good && read_dscp(text, &p->value);
		break;
	default:
		good = good && read_port(text, &p->value);
	}
	if (!good)
		return -EINVAL;
	p->kind = kind;
	snprintf(p->text, sizeof(p->text), "%s", text);
	return 0;
}

void policy_print(FILE *out, const struct policy *p)
{
	fprintf(out, "%s=%s", policy_kind_name(p->kind), p->text);
	if (p->class == TG_CLASS_BYPASS)
		fputs(",bypass", out);
	else if (p->class != TG_CLASS_AUTO)
		fprintf(out, ",class=%s", policy_class_name(p->class));
	if (p->path[0])
		fprintf(out, ",path=%s", p->path);
}
