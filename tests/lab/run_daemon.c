// SPDX-License-Identifier: MIT
/* run_daemon.c - the two daemons with nothing around them, for tests of user/run
 *
 *   run_daemon server DIR NAME KEYFILE ADDRESS...     writes a client's key string to KEYFILE
 *   run_daemon client DIR NAME KEYFILE [WORD...]      WORD: full, kill, dns=ADDR, route=PREFIX, exclude=PREFIX, interface
 *
 * DIR holds state and runtime directory. SIGUSR1 prints a snapshot; SIGUSR2 on a client removes
 * the second uplink and adds it again at the next one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "crypto/keyfile.h"
#include "run/client.h"
#include "run/server.h"
#include "server/accounts.h"

static char state_dir[256], runtime_dir[256];
static struct event *on_usr1, *on_usr2;

static void set_place(struct run_place *place, const char *dir, const char *name)
{
	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	snprintf(runtime_dir, sizeof(runtime_dir), "%s/run", dir);
	snprintf(place->name, sizeof(place->name), "%s", name);
	place->state_dir = state_dir;
	place->runtime_dir = runtime_dir;
}

static int finish(int err, const char *error)
{
	if (err)
		fprintf(stderr, "run_daemon: %s (%s)\n", error, strerror(-err));
	return err ? 1 : 0;
}

static struct event *watch(struct event_base *base, int number, event_callback_fn fn, void *arg)
{
	struct event *e = evsignal_new(base, number, fn, arg);

	if (e)
		event_add(e, NULL);
	return e;
}

/* ---- server ---- */

static void show_server(int number, short what, void *arg)
{
	struct server_snapshot s;

	(void)number;
	(void)what;
	if (server_snapshot(arg, false, &s))
		return;
	printf("snapshot sessions=%u read=%llu written=%llu\n", s.session_count, (unsigned long long)s.counts.tun.packets_read,
	       (unsigned long long)s.counts.tun.packets_written);
	fflush(stdout);
	server_snapshot_free(&s);
}

static int server_started(void *ctx, struct server *s, struct event_base *base, char *error)
{
	(void)ctx;
	(void)error;
	on_usr1 = watch(base, SIGUSR1, show_server, s);
	puts("listening");
	fflush(stdout);
	return 0;
}

static void server_stopping(void *ctx, struct server *s)
{
	(void)ctx;
	(void)s;
	event_free(on_usr1);
}

static int make_key(struct server_settings *set, struct accounts *accounts, const char *file)
{
	struct key_string key = { .has_client = true };
	char text[KEYS_TEXT_BYTES], name[32];

	crypto_scalarmult_base(key.server_public, set->secret);
	key.addr_count = set->listen_count;
	memcpy(key.addrs, set->listen, set->listen_count * sizeof(key.addrs[0]));
	snprintf(name, sizeof(name), "client%u", randombytes_random());
	if (accounts_add(accounts, name, key.client_id, key.client_secret) || keys_format(&key, text, sizeof(text)))
		return -EIO;
	return keyfile_write(file, text);
}

static int read_secret(u8 secret[32], const char *dir)
{
	char file[300], error[KEYFILE_ERROR_BYTES];

	snprintf(file, sizeof(file), "%s/server.key", dir);
	if (!keyfile_read_secret(file, secret, error))
		return 0;
	randombytes_buf(secret, 32);
	return keyfile_write_secret(file, secret);
}

static int run_server(int argc, char **argv)
{
	struct server_hooks hooks = { .started = server_started, .stopping = server_stopping };
	struct server_settings set = { .tcp_fallback = !getenv("NO_TCP"), .sending.aggregation = SCHED_FULL };
	char error[RUN_ERROR_BYTES];
	int err;

	set_place(&set.place, argv[2], argv[3]);
	for (int i = 5; i < argc && set.listen_count < SERVER_MAX_LISTEN; i++)
		if (addr_parse(&set.listen[set.listen_count++], argv[i], TG_PORT))
			return 2;
	if (read_secret(set.secret, argv[2]) || accounts_open(&set.accounts, state_dir, error))
		return 1;
	if (getenv("WORKERS"))
		set.workers = (u32)atoi(getenv("WORKERS"));
	err = make_key(&set, set.accounts, argv[4]);
	if (err && err != -EEXIST)
		return finish(err, "key file");
	err = server_run(&set, &hooks, error);
	accounts_close(set.accounts);
	return finish(err, error);
}

/* ---- client ---- */

static void show_client(int number, short what, void *arg)
{
	struct client_snapshot s;

	(void)number;
	(void)what;
	client_snapshot(arg, &s);
	printf("snapshot state=%s uplinks=%u", client_state_name(s.state), s.uplink_count);
	for (u32 i = 0; i < s.path_count; i++)
		printf(" %s=%s:%llu:%llu", s.paths[i].name, tunnel_path_state_name(s.paths[i].state),
		       (unsigned long long)s.paths[i].sent_bytes, (unsigned long long)s.paths[i].received_bytes);
	puts("");
	fflush(stdout);
}

static void toggle_uplink(int number, short what, void *arg)
{
	static char name[TUNNEL_NAME_BYTES];
	struct client_snapshot s;
	char error[RUN_ERROR_BYTES] = "";
	int err;

	(void)number;
	(void)what;
	client_snapshot(arg, &s);
	if (!name[0]) {
		snprintf(name, sizeof(name), "%s", s.uplinks[1].name);
		err = client_uplink_remove(arg, name, error);
		printf("removed %s %d %s\n", name, err, error);
	} else {
		err = client_uplink_add(arg, name, 1, 0, error);
		printf("added %s %d %s\n", name, err, error);
		name[0] = '\0';
	}
	fflush(stdout);
}

static int client_started(void *ctx, struct client *c, struct event_base *base, char *error)
{
	(void)ctx;
	(void)error;
	on_usr1 = watch(base, SIGUSR1, show_client, c);
	on_usr2 = watch(base, SIGUSR2, toggle_uplink, c);
	return 0;
}

static void client_stopping(void *ctx, struct client *c)
{
	(void)ctx;
	(void)c;
	event_free(on_usr1);
	event_free(on_usr2);
}

static int add_prefix(struct prefix_list *list, const char *text)
{
	return list->count == RUN_MAX_PREFIXES ? -ENOSPC : prefix_parse(&list->at[list->count++], text);
}

static int take_word(struct client_settings *set, const char *word)
{
	if (!strcmp(word, "full"))
		set->full_tunnel = true;
	else if (!strcmp(word, "kill"))
		set->kill_switch = true;
	else if (!strncmp(word, "dns=", 4) && set->dns_count < RUN_MAX_DNS) {
		set->dns = true;
		return addr_parse(&set->dns_servers[set->dns_count++], word + 4, 53);
	} else if (!strncmp(word, "route=", 6))
		return add_prefix(&set->routes, word + 6);
	else if (!strncmp(word, "exclude=", 8))
		return add_prefix(&set->excludes, word + 8);
	else if (set->uplink_count < TG_MAX_PATHS)
		snprintf(set->uplinks[set->uplink_count++].name, TUNNEL_NAME_BYTES, "%s", word);
	return 0;
}

static int run_client(int argc, char **argv)
{
	struct client_hooks hooks = { .started = client_started, .stopping = client_stopping };
	struct client_settings set = { .sending.aggregation = SCHED_FULL };
	char error[RUN_ERROR_BYTES], text[KEYS_TEXT_BYTES];

	set_place(&set.place, argv[2], argv[3]);
	if (keyfile_read(argv[4], text, sizeof(text), error) || keys_parse(&set.key, text, error))
		return finish(-EINVAL, error);
	for (int i = 5; i < argc; i++)
		if (take_word(&set, argv[i]))
			return finish(-EINVAL, argv[i]);
	return finish(client_run(&set, &hooks, error), error);
}

int main(int argc, char **argv)
{
	if (sodium_init() < 0)
		return 1;
	if (argc > 5 && !strcmp(argv[1], "server"))
		return run_server(argc, argv);
	if (argc > 4 && !strcmp(argv[1], "client"))
		return run_client(argc, argv);
	fprintf(stderr, "usage: run_daemon server|client DIR NAME KEYFILE ...\n");
	return 2;
}
