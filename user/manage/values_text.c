// SPDX-License-Identifier: MIT
/* values_text.c - typed values back into text, and from place to place: what value_set() took */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "manage/policy_text.h"
#include "manage/values.h"
#include "run/client.h"

/* ---- one value ---- */

static void put_duration(FILE *out, u64 us)
{
	static const struct {
		const char *unit;
		u64 us;
	} units[] = { { "d", 86400 * SEC }, { "h", 3600 * SEC }, { "m", 60 * SEC }, { "s", SEC }, { "ms", MSEC }, { "us", 1 } };
	size_t i = 0;

	while (us % units[i].us)
		i++;
	fprintf(out, "%llu%s", (unsigned long long)(us / units[i].us), us ? units[i].unit : "s");
}

static void put_addr(FILE *out, const struct addr *a)
{
	char text[ADDR_TEXT_BYTES];

	if (a->family)
		fputs(addr_format(a, text), out);
}

static void put_prefix(FILE *out, const struct prefix *p)
{
	char text[ADDR_TEXT_BYTES];

	if (p->family)
		fputs(prefix_format(p, text), out);
}

/* To the byte, for what has another text is another value: 10000MB, 1.048576MB. */
static void put_quota(FILE *out, u64 bytes)
{
	u32 rest = (u32)(bytes % 1000000), digits = 6;

	for (; digits && rest % 10 == 0; digits--)
		rest /= 10;
	fprintf(out, ",quota=%llu", (unsigned long long)(bytes / 1000000));
	if (digits)
		fprintf(out, ".%0*u", (int)digits, rest);
	fputs("MB", out);
}

static void put_uplink(FILE *out, const struct client_uplink_settings *u)
{
	fputs(u->name, out);
	if (u->weight)
		fprintf(out, ",weight=%u", u->weight);
	if (u->flags & TG_LINK_METERED)
		fputs(",metered", out);
	if (u->flags & TG_LINK_BACKUP)
		fputs(",backup", out);
	if (u->rate)
		fprintf(out, ",rate=%llubit", (unsigned long long)u->rate * 8);
	if (u->quota)
		put_quota(out, u->quota);
	if (u->datapath)
		fprintf(out, ",datapath=%s", run_datapath_name(u->datapath));
}

static const char *suite_name(u8 suites)
{
	return suites == 1 << TG_SUITE_CHACHAPOLY ? "chachapoly" : suites == 1 << TG_SUITE_AESGCM ? "aesgcm" : "auto";
}

static size_t entry_bytes(const struct value_slot *slot)
{
	switch (slot->type) {
	case VALUE_BOOL:
		return sizeof(bool);
	case VALUE_COUNT:
		return sizeof(u32);
	case VALUE_SHORT:
		return sizeof(u16);
	case VALUE_DURATION:
	case VALUE_SECONDS:
		return sizeof(u64);
	case VALUE_TEXT:
	case VALUE_NAME:
		return slot->max;
	case VALUE_DEVICE:
		return TUNNEL_NAME_BYTES;
	case VALUE_ADDRESSES:
	case VALUE_IPS:
	case VALUE_IP4:
	case VALUE_IP6:
		return sizeof(struct addr);
	case VALUE_POOL4:
	case VALUE_POOL6:
	case VALUE_PREFIXES:
		return sizeof(struct prefix);
	case VALUE_UPLINKS:
		return sizeof(struct client_uplink_settings);
	case VALUE_POLICIES:
		return sizeof(struct policy);
	case VALUE_SUITE:
		return sizeof(u8);
	case VALUE_STRATEGY:
	case VALUE_AGGREGATION:
	case VALUE_CONGESTION:
	case VALUE_LOG_LEVEL:
	case VALUE_XDP:
	case VALUE_DATAPATH:
	case VALUE_TUN_KIND:
		return sizeof(int);
	}
	return 0;
}

/* A number below its least is one that was not set. */
static void put_number(FILE *out, const struct value_slot *slot, u64 number)
{
	if (number >= slot->min)
		fprintf(out, "%llu", (unsigned long long)number);
}

static void put_one(FILE *out, const struct value_slot *slot, const void *at)
{
	switch (slot->type) {
	case VALUE_BOOL:
		fputs(*(const bool *)at ? "true" : "false", out);
		break;
	case VALUE_COUNT:
		put_number(out, slot, *(const u32 *)at);
		break;
	case VALUE_SHORT:
		put_number(out, slot, *(const u16 *)at);
		break;
	case VALUE_DURATION:
	case VALUE_SECONDS:
		put_duration(out, *(const u64 *)at);
		break;
	case VALUE_TEXT:
	case VALUE_NAME:
	case VALUE_DEVICE:
		fputs(at, out);
		break;
	case VALUE_ADDRESSES:
	case VALUE_IPS:
	case VALUE_IP4:
	case VALUE_IP6:
		put_addr(out, at);
		break;
	case VALUE_POOL4:
	case VALUE_POOL6:
	case VALUE_PREFIXES:
		put_prefix(out, at);
		break;
	case VALUE_UPLINKS:
		put_uplink(out, at);
		break;
	case VALUE_POLICIES:
		policy_print(out, at);
		break;
	case VALUE_STRATEGY:
		fputs(sched_strategy_name(*(const enum sched_strategy *)at), out);
		break;
	case VALUE_AGGREGATION:
		fputs(sched_aggregation_name(*(const enum sched_aggregation *)at), out);
		break;
	case VALUE_CONGESTION:
		fputs(rate_control_name(*(const enum rate_control *)at), out);
		break;
	case VALUE_SUITE:
		fputs(suite_name(*(const u8 *)at), out);
		break;
	case VALUE_LOG_LEVEL:
		fputs(log_level_name((enum log_level)*(const int *)at), out);
		break;
	case VALUE_XDP:
		fputs(datapath_mode_name(*(const enum datapath_mode *)at), out);
		break;
	case VALUE_DATAPATH:
		fputs(run_datapath_name(*(const enum run_datapath *)at), out);
		break;
	case VALUE_TUN_KIND:
		fputs(run_device_name(*(const enum run_device *)at), out);
		break;
	}
}

/* ---- all of it ---- */

char *value_text(const struct value_slot *slot)
{
	u32 count = slot->count ? *slot->count : 1;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (slot->flag && *slot->flag)
		fputs("none", out);
	else
		for (u32 i = 0; i < count; i++) {
			fputs(i ? " " : "", out);
			put_one(out, slot, (const char *)slot->place + i * entry_bytes(slot));
		}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

void value_copy(const struct value_slot *to, const struct value_slot *from)
{
	u32 count = from->count ? *from->count : 1;

	memcpy(to->place, from->place, count * entry_bytes(from));
	if (to->count)
		*to->count = *from->count;
	if (to->flag)
		*to->flag = *from->flag;
}
