/* SPDX-License-Identifier: MIT */
/* look.h - what the commands of triglav-ctl that look into a daemon share: their flags, asking, looking again and again */
#ifndef TG_CMD_LOOK_H
#define TG_CMD_LOOK_H

#include "cmd/cmd.h"

struct look {
	bool json;
	char name[RUN_NAME_BYTES], runtime_dir[SETTINGS_PATH_BYTES];
};

#define LOOK_INIT { .runtime_dir = RUN_RUNTIME_DIR }

/* The flags every one of them has; `json_`: what --json prints. */
#define LOOK_FLAGS(look_, json_) \
	CMD_FLAG_BOOL("json", &(look_).json, json_), CMD_FLAG_NAME((look_).name), \
	CMD_FLAG_TEXT("runtime-dir", 0, "D", (look_).runtime_dir, "where the control socket is (" RUN_RUNTIME_DIR ")")

/* Finds out which daemon is meant and asks it. Takes the request. An enum cmd_exit, and *answer when it is CMD_OK; else it was said. */
int look_ask(struct look *look, json_t *request, json_t **answer);

/* The same with the question "status". detailed: with what a server's firewall dropped. */
int look_status(struct look *look, bool detailed, json_t **status);

/* Is it the status of a server? */
bool look_is_server(const json_t *status);

/* Looks every interval_us until SIGINT, SIGTERM, or `count` looks (0: no end) were shown. `show` gets what the look before gave, apart_us
 * earlier; with the first look `before` is NULL. It returns whether that counts as shown. Standard output is flushed after each.
 * An enum cmd_exit; being interrupted is CMD_OK. */
struct live {
	u64 interval_us;
	u64 count;
	int (*look)(json_t **now);
	bool (*show)(const json_t *now, const json_t *before, u64 apart_us);
};

int live_run(const struct live *live);

/* The parts of it, for loops of another kind: from begin on the two signals only make interrupted() true and a wait end. */
void live_begin(void);
bool live_interrupted(void);
void live_wait(u64 interval_us);

/* On a terminal: the picture that follows takes the place of the last one. */
void live_clear(void);

#endif
