// SPDX-License-Identifier: MIT
/* values.h - text from a file or a command line into a typed value */
#ifndef TG_MANAGE_VALUES_H
#define TG_MANAGE_VALUES_H

#include "base/types.h"

/* The type behind `place` in parentheses; [] marks a list, which grows with every value. */
enum value_type {
	VALUE_BOOL,		/* (bool) */
	VALUE_COUNT,		/* (u32) min..max */
	VALUE_SHORT,		/* (u16) min..max */
	VALUE_DURATION,		/* (u64) microseconds, min..max; "10s", "5m", "100ms" */
	VALUE_SECONDS,		/* the same, but a bare number is seconds */
	VALUE_TEXT,		/* (char[max]) not empty */
	VALUE_NAME,		/* (char[max]) letters, digits, '-', '_', '.' */
	VALUE_DEVICE,		/* (char[TUNNEL_NAME_BYTES]) */
	VALUE_ADDRESSES,	/* (struct addr[]) with port, TG_PORT when left out */
	VALUE_IPS,		/* (struct addr[]) without port */
	VALUE_IP4, VALUE_IP6,	/* (struct addr) without port */
	VALUE_POOL4, VALUE_POOL6, /* (struct prefix), or "none": *flag becomes true */
	VALUE_PREFIXES,		/* (struct prefix[]) */
	VALUE_UPLINKS,		/* (struct client_uplink_settings[]) "eth0", "eth0,weight=2,metered,backup,rate=20mbit,quota=10GB" */
	VALUE_STRATEGY,		/* (enum sched_strategy) */
	VALUE_AGGREGATION,	/* (enum sched_aggregation) */
	VALUE_CONGESTION,	/* (enum rate_control) */
	VALUE_SUITE,		/* (u8) bits as in client_settings.suites */
	VALUE_LOG_LEVEL,	/* (int) */
	VALUE_XDP,		/* (enum datapath_mode) */
	VALUE_DATAPATH,		/* (enum run_datapath) */
	VALUE_POLICIES,		/* (struct policy[]) tables of a file only: settings_policy.c */
	VALUE_TUN_KIND,		/* (enum run_device) */
};

/* Where a value goes. */
struct value_slot {
	enum value_type type;
	u64 min, max;		/* numbers; texts: bytes at place; lists: entries at place */
	void *place;
	u32 *count;		/* lists: entries in use */
	bool *flag;		/* pools: "none" was said */
};

#define VALUE_EXPECTS_BYTES 192

/* Stores a value. 0; -EINVAL: not of that type, see value_expects(); -ENOSPC: the list is full; -EEXIST: the uplink is in it;
 * -ENOTSUP: known, but not in this version. */
int value_set(const struct value_slot *slot, const char *text);

/* What would have been right, for "expected ...": writes into out and returns it. */
const char *value_expects(const struct value_slot *slot, char out[VALUE_EXPECTS_BYTES]);

/* The value as value_set() would take it, the entries of a list with spaces between them; "" for what is not set. The caller's to
 * free(); NULL: no memory. */
char *value_text(const struct value_slot *slot);

/* Copies the value of one place to another of the same type. */
void value_copy(const struct value_slot *to, const struct value_slot *from);

bool value_is_list(enum value_type type);

/* "1h30m" style texts are not durations: one number, one unit of us, ms, s, m, h, d. 0 or
 * -EINVAL. */
int value_parse_duration(const char *text, u64 *us);

#endif
