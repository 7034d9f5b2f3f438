// SPDX-License-Identifier: MIT
/* control_server_fuzz.c - hostile requests on the control socket of a running server (control_world.h) */
#include "control_world.h"

static struct server_control control;

static int on_started(void *ctx, struct server *s, struct event_base *base, char error[RUN_ERROR_BYTES])
{
	(void)ctx;
	control.server = s;
	return world_open_control(base, server_commands, &control, error);
}

static void on_stopping(void *ctx, struct server *s)
{
	(void)ctx;
	(void)s;
	control_close(world_control);
}

static void *run_server(void *arg)
{
	static struct server_settings set = {
		.place = { .name = WORLD_NAME, .state_dir = WORLD_DIR, .runtime_dir = WORLD_DIR },
		.tcp_fallback = true,
	};
	struct server_hooks hooks = { .started = on_started, .stopping = on_stopping };
	char error[MAX(RUN_ERROR_BYTES, ACCOUNTS_ERROR_BYTES)] = "";
	u8 id[8], secret[32];

	(void)arg;
	randombytes_buf(set.secret, sizeof(set.secret));
	if (accounts_open(&set.accounts, WORLD_DIR, error) || accounts_add(set.accounts, "laptop", id, secret))
		abort();
	control.accounts = set.accounts;
	world_ended(server_run(&set, &hooks, error), error);
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	world_begin(argc, argv, run_server);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_ask(data, size);
	return 0;
}
