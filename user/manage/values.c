// SPDX-License-Identifier: MIT
/* values.c - text from a file or a command line into a typed value */
#include "manage/values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "manage/amounts.h"
#include "run/client.h"

static int parse_number(const char *text, u64 *out)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static int parse_in_range(const struct value_slot *slot, const char *text, u64 *out)
{
	if (parse_number(text, out) || *out < slot->min || *out > slot->max)
		return -EINVAL;
	return 0;
}

int value_parse_duration(const char *text, u64 *us)
{
	static const struct {
		const char *unit;
		u64 us;
	} units[] = {
		{ "us", 1 }, { "ms", MSEC }, { "s", SEC }, { "m", 60 * SEC },
		{ "h", 3600 * SEC }, { "d", 86400 * SEC },
	};
	unsigned long long number;
	char *unit;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &unit, 10);
	for (size_t i = 0; !errno && i < ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i].unit) || number > TIME_NEVER / 2 / units[i].us)
			continue;
		*us = number * units[i].us;
		return 0;
	}
	return -EINVAL;
}

static int set_bool(const struct value_slot *slot, const char *text)
{
	bool yes = !strcmp(text, "true");

	if (!yes && strcmp(text, "false"))
		return -EINVAL;
	*(bool *)slot->place = yes;
	return 0;
}

static int set_count(const struct value_slot *slot, const char *text)
{
	u64 number;

	if (parse_in_range(slot, text, &number))
		return -EINVAL;
	if (slot->type == VALUE_SHORT)
		*(u16 *)slot->place = (u16)number;
	else
		*(u32 *)slot->place = (u32)number;
	return 0;
}

/* "2", "0.5" */
static int parse_seconds(const char *text, u64 *us)
{
	double seconds;
	char *end;

	if (strspn(text, "0123456789.") != strlen(text) || !isdigit((unsigned char)*text))
		return -EINVAL;
	seconds = strtod(text, &end);
	if (*end || seconds > 1e9)
		return -EINVAL;
	*us = (u64)(seconds * SEC);
	return 0;
}

static int set_duration(const struct value_slot *slot, const char *text)
{
	u64 us;

	if ((slot->type != VALUE_SECONDS || parse_seconds(text, &us)) && value_parse_duration(text, &us))
		return -EINVAL;
	if (us < slot->min || us > slot->max)
		return -EINVAL;
	*(u64 *)slot->place = us;
	return 0;
}

static int set_text(const struct value_slot *slot, const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= slot->max)
		return -EINVAL;
	memcpy(slot->place, text, len + 1);
	return 0;
}

static int set_name(const struct value_slot *slot, const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (strspn(text, letters) != strlen(text) || *text == '.')
		return -EINVAL;
	return set_text(slot, text);
}

/* What the kernel takes for an interface; "%d" is for tunnel devices that number themselves. */
static bool is_device_name(const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= TUNNEL_NAME_BYTES || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (; *text; text++)
		if (isspace((unsigned char)*text) || !isprint((unsigned char)*text) || strchr("/:,", *text))
			return false;
	return true;
}

static int set_device(const struct value_slot *slot, const char *text)
{
	if (!is_device_name(text))
		return -EINVAL;
	memcpy(slot->place, text, strlen(text) + 1);
	return 0;
}

/* Address without a port. */
static int parse_ip(struct addr *a, const char *text, u8 family)
{
	if (addr_parse(a, text, 1) || a->port != 1 || strchr(text, '[') || (family && a->family != family))
		return -EINVAL;
	a->port = 0;
	return 0;
}

static int set_ip(const struct value_slot *slot, const char *text)
{
	struct addr a;

	if (parse_ip(&a, text, slot->type == VALUE_IP4 ? 4 : 6))
		return -EINVAL;
	*(struct addr *)slot->place = a;
	return 0;
}

static int set_pool(const struct value_slot *slot, const char *text)
{
	struct prefix p = { 0 };
	bool none = !strcmp(text, "none");

	if (!none && (prefix_parse(&p, text) || !strchr(text, '/') ||
		      p.family != (slot->type == VALUE_POOL4 ? 4 : 6)))
		return -EINVAL;
	*(struct prefix *)slot->place = p;
	*slot->flag = none;
	return 0;
}

static int add_address(const struct value_slot *slot, const char *text)
{
	struct addr *list = slot->place;
	struct addr a;
	int err = slot->type == VALUE_IPS ? parse_ip(&a, text, 0) : addr_parse(&a, text, TG_PORT);

	if (err)
		return err;
	list[(*slot->count)++] = a;
	return 0;
}

static int add_prefix(const struct value_slot *slot, const char *text)
{
	struct prefix *list = slot->place;
	struct prefix p;

	if (prefix_parse(&p, text))
		return -EINVAL;
	prefix_mask(&p);
	list[(*slot->count)++] = p;
	return 0;
}

static int set_datapath_to(enum run_datapath *place, const char *text)
{
	int choice = run_datapath_parse(text);

	if (choice < 0)
		return -EINVAL;
	*place = (enum run_datapath)choice;
	return 0;
}

static int set_uplink_option(struct client_uplink_settings *u, const char *option)
{
	u64 weight;

	if (!strcmp(option, "metered"))
		u->flags |= TG_LINK_METERED;
	else if (!strcmp(option, "backup"))
		u->flags |= TG_LINK_BACKUP;
	else if (!strncmp(option, "weight=", 7) && !parse_number(option + 7, &weight) &&
		 weight >= 1 && weight <= 1000)
		u->weight = (u32)weight;
	else if (!strncmp(option, "datapath=", 9))
		return set_datapath_to(&u->datapath, option + 9);
	else if (!strncmp(option, "rate=", 5))
		return amount_parse_rate(option + 5, &u->rate);
	else if (!strncmp(option, "quota=", 6))
		return amount_parse_bytes(option + 6, &u->quota);
	else
		return -EINVAL;
	return 0;
}

static int add_uplink(const struct value_slot *slot, const char *text)
{
	struct client_uplink_settings u = { 0 }, *list = slot->place;
	char copy[128], *rest = copy, *part;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	part = strsep(&rest, ",");
	if (!is_device_name(part))
		return -EINVAL;
	strcpy(u.name, part);
	while ((part = strsep(&rest, ",")))
		if (set_uplink_option(&u, part))
			return -EINVAL;
	for (u32 i = 0; i < *slot->count; i++)
		if (!strcmp(list[i].name, u.name))
			return -EEXIST;	/* two paths over one link would only compete */
	list[(*slot->count)++] = u;
	return 0;
}

static int set_choice(const struct value_slot *slot, const char *text)
{
	int choice = slot->type == VALUE_STRATEGY ? sched_parse_strategy(text) :
		     slot->type == VALUE_AGGREGATION ? sched_parse_aggregation(text) :
		     slot->type == VALUE_CONGESTION ? rate_parse_control(text) :
		     slot->type == VALUE_XDP ? datapath_parse_mode(text) :
		     slot->type == VALUE_TUN_KIND ? run_device_parse(text) : log_level_parse(text);

	if (choice < 0)
		return -EINVAL;
	*(int *)slot->place = choice;	/* enums are ints */
	return 0;
}

static int set_suite(const struct value_slot *slot, const char *text)
{
	static const struct {
		const char *name;
		u8 suites;
	} suites[] = {
		{ "auto", 0 },
		{ "chachapoly", 1 << TG_SUITE_CHACHAPOLY },
		{ "aesgcm", 1 << TG_SUITE_AESGCM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		if (strcmp(text, suites[i].name))
			continue;
		*(u8 *)slot->place = suites[i].suites;
		return 0;
	}
	return -EINVAL;
}

static int set_datapath(const struct value_slot *slot, const char *text)
{
	return set_datapath_to(slot->place, text);
}

/* Tables have no short form. */
static int refuse(const struct value_slot *slot, const char *text)
{
	(void)slot;
	(void)text;
	return -EINVAL;
}

#define ONE_NETWORK "\"10.0.0.0/8\" or \"2001:db8::/32\""

static const struct {
	int (*set)(const struct value_slot *slot, const char *text);
	bool list;
	const char *expects;	/* NULL: made from the slot */
} types[] = {
	[VALUE_BOOL] = { set_bool, false, "true or false" },
	[VALUE_COUNT] = { set_count, false, NULL },
	[VALUE_SHORT] = { set_count, false, NULL },
	[VALUE_DURATION] = { set_duration, false, NULL },
	[VALUE_SECONDS] = { set_duration, false, NULL },
	[VALUE_TEXT] = { set_text, false, NULL },
	[VALUE_NAME] = { set_name, false, NULL },
	[VALUE_DEVICE] = { set_device, false, "the name of an interface, at most 15 letters" },
	[VALUE_ADDRESSES] = { add_address, true, "an address and port such as \"203.0.113.5:7443\" or \"[2001:db8::5]:7443\"" },
	[VALUE_IPS] = { add_address, true, "an address such as \"9.9.9.9\" or \"2620:fe::fe\"" },
	[VALUE_IP4] = { set_ip, false, "an IPv4 address such as \"10.0.85.2\"" },
	[VALUE_IP6] = { set_ip, false, "an IPv6 address such as \"fd85:7269:676c::2\"" },
	[VALUE_POOL4] = { set_pool, false, "an IPv4 network such as \"10.0.85.0/24\", or \"none\"" },
	[VALUE_POOL6] = { set_pool, false, "an IPv6 network such as \"fd85:7269:676c::/64\", or \"none\"" },
	[VALUE_PREFIXES] = { add_prefix, true, "a network such as " ONE_NETWORK },
	[VALUE_UPLINKS] = { add_uplink, true, "an interface such as \"eth0\" or \"wwan0,weight=2,metered,backup,rate=20mbit,quota=10GB,datapath=xdp\"" },
	[VALUE_STRATEGY] = { set_choice, false, NULL },
	[VALUE_AGGREGATION] = { set_choice, false, "none, full or adaptive" },
	[VALUE_XDP] = { set_choice, false, "off, auto, native or generic" },
	[VALUE_CONGESTION] = { set_choice, false, "adaptive, cubic or none" },
	[VALUE_SUITE] = { set_suite, false, "auto, chachapoly or aesgcm" },
	[VALUE_LOG_LEVEL] = { set_choice, false, "error, warn, info or debug" },
	[VALUE_DATAPATH] = { set_datapath, false, "auto, udp or xdp" },
	[VALUE_POLICIES] = { refuse, true, "tables" },
	[VALUE_TUN_KIND] = { set_choice, false, "tun or veth" },
};

bool value_is_list(enum value_type type)
{
	return types[type].list;
}

int value_set(const struct value_slot *slot, const char *text)
{
	if (types[slot->type].list && *slot->count >= slot->max)
		return -ENOSPC;
	return types[slot->type].set(slot, text);
}

static void list_strategies(char *out)
{
	size_t used = (size_t)snprintf(out, VALUE_EXPECTS_BYTES, "one of");

	for (int i = 0; i < SCHED_STRATEGIES && used < VALUE_EXPECTS_BYTES; i++)
		used += (size_t)snprintf(out + used, VALUE_EXPECTS_BYTES - used, "%s %s", i ? "," : "",
					 sched_strategy_name((enum sched_strategy)i));
}

/* The largest unit that leaves no rest. */
static char *format_duration(u64 us, char out[32])
{
	if (us % SEC == 0)
		snprintf(out, 32, us >= 60 * SEC && us % (60 * SEC) == 0 ? "%llum" : "%llus",
			 (unsigned long long)(us >= 60 * SEC && us % (60 * SEC) == 0 ? us / (60 * SEC) : us / SEC));
	else
		snprintf(out, 32, us % MSEC ? "%lluus" : "%llums",
			 (unsigned long long)(us % MSEC ? us : us / MSEC));
	return out;
}

const char *value_expects(const struct value_slot *slot, char out[VALUE_EXPECTS_BYTES])
{
	char least[32], most[32];

	switch (slot->type) {
	case VALUE_COUNT:
	case VALUE_SHORT:
		snprintf(out, VALUE_EXPECTS_BYTES, "a whole number from %llu to %llu",
			 (unsigned long long)slot->min, (unsigned long long)slot->max);
		break;
	case VALUE_DURATION:
	case VALUE_SECONDS:
		snprintf(out, VALUE_EXPECTS_BYTES, "%s such as \"10s\" or \"100ms\", from %s to %s",
			 slot->type == VALUE_SECONDS ? "seconds, or a duration" : "a duration",
			 format_duration(slot->min, least), format_duration(slot->max, most));
		break;
	case VALUE_TEXT:
		snprintf(out, VALUE_EXPECTS_BYTES, "a text of 1 to %llu letters",
			 (unsigned long long)slot->max - 1);
		break;
	case VALUE_NAME:
		snprintf(out, VALUE_EXPECTS_BYTES, "a name of letters, digits, '-', '_' and '.', at most %llu",
			 (unsigned long long)slot->max - 1);
		break;
	case VALUE_STRATEGY:
		list_strategies(out);
		break;
	default:
		snprintf(out, VALUE_EXPECTS_BYTES, "%s", types[slot->type].expects);
	}
	return out;
}
