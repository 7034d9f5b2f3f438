// SPDX-License-Identifier: MIT
/* control_client_fuzz.c - hostile requests on the control socket of a running client (control_world.h) */
#include "control_world.h"

static int on_started(void *ctx, struct client *c, struct event_base *base, char error[RUN_ERROR_BYTES])
{
	(void)ctx;
	return world_open_control(base, client_commands, c, error);
}

static void on_stopping(void *ctx, struct client *c)
{
	(void)ctx;
	(void)c;
	control_close(world_control);
}

static void *run_client(void *arg)
{
	static struct client_settings set = {
		.place = { .name = WORLD_NAME, .state_dir = WORLD_DIR, .runtime_dir = WORLD_DIR },
		.full_tunnel = true,
		.key = { .addr_count = 1, .addrs = { { .family = 4, .port = 7443, .ip = { 203, 0, 113, 1 } } } },
	};
	struct client_hooks hooks = { .started = on_started, .stopping = on_stopping };
	char error[RUN_ERROR_BYTES] = "";
	u8 secret[32];

	(void)arg;
	randombytes_buf(secret, sizeof(secret));
	crypto_scalarmult_base(set.key.server_public, secret);
	world_ended(client_run(&set, &hooks, error), error);
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	world_begin(argc, argv, run_client);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_ask(data, size);
	return 0;
}
