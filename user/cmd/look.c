// SPDX-License-Identifier: MIT
/* look.c - asking a daemon, once or again and again */
#include "cmd/look.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/fields.h"

int look_ask(struct look *look, json_t *request, json_t **answer)
{
	int code = cmd_choose_daemon(look->runtime_dir, look->name);

	if (code) {
		json_decref(request);
		return code;
	}
	code = cmd_ask(look->runtime_dir, look->name, request, answer);
	if (!code)
		json_object_del(*answer, "ok");
	return code;
}

int look_status(struct look *look, bool detailed, json_t **status)
{
	return look_ask(look, json_pack("{s:s, s:b}", "command", "status", "detailed", detailed), status);
}

bool look_is_server(const json_t *status)
{
	return !strcmp(field_text(status, "role"), "server");
}

/* ---- again and again ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

void live_begin(void)
{
	struct sigaction quiet = { .sa_handler = on_interrupt };	/* no SA_RESTART: the sleep ends */

	sigaction(SIGINT, &quiet, NULL);
	sigaction(SIGTERM, &quiet, NULL);
}

bool live_interrupted(void)
{
	return interrupted;
}

void live_wait(u64 interval_us)
{
	struct timespec t = { .tv_sec = (time_t)(interval_us / SEC), .tv_nsec = (long)(interval_us % SEC * 1000) };

	nanosleep(&t, NULL);
}

void live_clear(void)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
}

int live_run(const struct live *live)
{
	json_t *before = NULL, *now;
	u64 before_us = 0, now_us, shown = 0;
	int code = CMD_OK;

	live_begin();
	while (!interrupted && !ferror(stdout)) {
		code = live->look(&now);
		if (code)
			break;
		now_us = clock_now_us();
		shown += live->show(now, before, before ? now_us - before_us : 0);
		fflush(stdout);
		json_decref(before);
		before = now;
		before_us = now_us;
		if (live->count && shown >= live->count)
			break;
		if (!interrupted)
			live_wait(live->interval_us);
	}
	json_decref(before);
	return interrupted ? CMD_OK : code;
}
