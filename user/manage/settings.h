// SPDX-License-Identifier: MIT
/* settings.h - what a daemon is told: command line over file over default
 *
 * One table (settings_table.c) describes every key. Files, flags, `triglav config`, the short
 * help and the hints for unknown keys all come from it.
 */
#ifndef TG_MANAGE_SETTINGS_H
#define TG_MANAGE_SETTINGS_H

#include <stdio.h>

#include "crypto/keys.h"
#include "manage/values.h"
#include "run/client.h"
#include "run/server.h"

#define SETTINGS_PATH_BYTES 256
#define SETTINGS_ERROR_BYTES 512
#define SETTINGS_MAX_FILE (1u << 20)
#define SETTINGS_MAX_ROWS 64

enum settings_side {
	SETTINGS_CLIENT = 1,
	SETTINGS_SERVER = 2,
	SETTINGS_BOTH = 3,
	SETTINGS_TOOL = 4,	/* flags only: what `triglav client` takes of the server's */
	SETTINGS_ALL = 7,
};

/* One row of the table. */
struct setting {
	const char *key;	/* "server.listen"; NULL: only on the command line */
	const char *flag;	/* "listen" for --listen; NULL: only in files */
	char letter;		/* 'i' for -i; 0: none */
	u8 sides;		/* enum settings_side */
	bool rare;		/* left out of the short help */
	bool live;		/* may change while the daemon runs (reload.h) */
	bool secret;		/* its value is never shown */
	bool automatic;		/* `preset` tells what happens when it is not set; it is not stored */
	const char *metavar;	/* of the flag's value in help; NULL for a bool */
	const char *preset;	/* default as TOML; NULL: none */
	const char *example;	/* as TOML, for keys without a default */
	const char *help;
	enum value_type type;
	u64 min, max;		/* as in struct value_slot */
	size_t place, count, none;	/* offsets into struct settings; 0: does not apply */
};

struct settings {
	enum settings_side side;	/* whose keys a file may have */
	enum settings_side flags;	/* whose flags are taken; settings_init() makes it the same */
	struct client_settings client;	/* complete after settings_finish(), but for the key */
	struct server_settings server;	/* complete after settings_finish(), but for secret and accounts */

	/* Of both sides. */
	char name[RUN_NAME_BYTES];
	char state_dir[SETTINGS_PATH_BYTES], runtime_dir[SETTINGS_PATH_BYTES];
	char tun_name[TUNNEL_NAME_BYTES];
	u16 mtu;
	u64 rekey_us;
	enum sched_strategy strategy;
	enum sched_aggregation aggregation;
	enum rate_control congestion;
	bool copies;
	enum datapath_mode xdp;
	bool lanes;
	enum run_device device;
	bool tcp_fallback;
	struct policy_list policies;
	int log_level;		/* enum log_level */
	bool foreground;	/* said; it is so anyway */

	/* The server's key, the client's key string. */
	char key_file[SETTINGS_PATH_BYTES];
	char auth_key[KEYS_TEXT_BYTES];
	u32 address_count;	/* what key strings name as the server */
	struct addr addresses[KEYS_MAX_ADDRS];

	u8 source[SETTINGS_MAX_ROWS];	/* enum settings_source of each row */
};

enum settings_source { SETTINGS_PRESET, SETTINGS_FILE, SETTINGS_FLAG };

/* Everything at its default. 0, or -ENOMEM. settings_wipe() when done: there may be secrets in
 * it. */
int settings_init(struct settings *s, enum settings_side side);
void settings_wipe(struct settings *s);

/* Reads a TOML file, or its text (`file` names it in errors). Keys that a flag has set stay.
 * -EINVAL with "FILE:LINE: what is wrong" in error; -EPERM for a file with a key that others may
 * read; what open() says. On error s may have been changed in part. */
int settings_read_file(struct settings *s, const char *file, char error[SETTINGS_ERROR_BYTES]);
int settings_read_text(struct settings *s, const char *file, const char *text, size_t len,
		       char error[SETTINGS_ERROR_BYTES]);

/* Is argv[*at] one of the flags taken? 1: it was, *at is the last word it used up; 0: no;
 * -EINVAL with error: its value is wrong; -ENOTSUP: the value is for another version. */
int settings_flag(struct settings *s, int argc, char **argv, int *at, char error[SETTINGS_ERROR_BYTES]);

/* Where did the value of this row come from? The flag names the row ("full-tunnel"). */
enum settings_source settings_source(const struct settings *s, const char *flag);

/* Fills s->client or s->server with what both sides share and with what follows from other keys:
 * full tunnel and DNS are on when no routes are given. Strings in them belong to s. */
void settings_finish(struct settings *s);

/* The commented file of `triglav config`. */
void settings_print_file(FILE *out, enum settings_side side);

/* What each flag of this side does; `rare` ones only when asked. */
void settings_print_help(FILE *out, enum settings_side side, bool rare);

/* A flag and its help in two columns, broken at 80 letters. */
void settings_print_flag(FILE *out, const char *words, const char *help);

/* The table, ended by a row without key and flag. */
extern const struct setting settings_table[];

/* The flag of this side nearest to a mistyped one (no dashes), or NULL when none is near; the
 * same for keys. */
const char *settings_nearest_flag(enum settings_side side, const char *typed);
const char *settings_nearest_key(enum settings_side side, const char *typed);

#endif
