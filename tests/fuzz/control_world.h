/* SPDX-License-Identifier: MIT */
/* control_world.h - a real daemon in namespaces of its own, and hostile bytes for its control socket
 *
 * The daemon runs on a thread of the fuzzer, with everything it has: worker, tunnel device, an uplink that leads nowhere, programs in the
 * kernel where they may be loaded. Each input is one connection: what is written, then the end; every line must be answered by one line,
 * in order. "stop" alone is left out, or there would soon be nobody to ask. Without root the namespaces are a user's, and BPF is refused.
 *
 * An input's first byte: even, the rest is sent as it is; odd, each request is put together of commands, fields and values, so
 * that most get behind the first checks.
 */
#ifndef TG_FUZZ_CONTROL_WORLD_H
#define TG_FUZZ_CONTROL_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sodium.h>

#include "manage/daemon_control.h"

#define WORLD_DIR "/run"	/* an empty one, in a mount namespace of its own: no resolved and no systemd to talk to, either */
#define WORLD_NAME "fuzz"
#define WORLD_COMMANDS 64

static struct control_command world_commands[WORLD_COMMANDS];
static u32 world_command_count;
static struct control *world_control;
static sem_t world_is_up;

/* ---- the namespaces ---- */

static void world_skip(const char *why)
{
	printf("%s: %s\n", why, strerror(errno));
	fflush(stdout);
	_exit(77);
}

static void world_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		world_skip(path);
	close(fd);
}

static void world_become_root(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	if (unshare(CLONE_NEWUSER))
		world_skip("needs root, or user namespaces");
	world_write("/proc/self/setgroups", "deny");
	world_write("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", getegid());
	world_write("/proc/self/gid_map", map);
}

static void world_enter(void)
{
	if (geteuid())
		world_become_root();
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("tmpfs", WORLD_DIR, "tmpfs", 0, NULL))
		world_skip("needs network and mount namespaces");
	/* Pins end with the process. Where it is refused, programs are too. */
	(void)mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
	if (system("ip link set lo up && ip link add up1 type veth peer name gw1 && ip addr add 10.80.1.2/24 dev up1 && "
		   "ip link set up1 up && ip link set gw1 up && ip route add default via 10.80.1.1"))
		world_skip("needs ip and veth devices");
}

/* ---- the daemon ---- */

static int world_open_control(struct event_base *base, const struct control_command *commands, void *ctx, char error[RUN_ERROR_BYTES])
{
	int err;

	for (world_command_count = 0; commands->name; commands++)
		if (strcmp(commands->name, "stop") && world_command_count + 1 < WORLD_COMMANDS)
			world_commands[world_command_count++] = *commands;
	err = control_open(&world_control, base, WORLD_DIR, WORLD_NAME, world_commands, ctx, error);
	prctl(PR_SET_DUMPABLE, 1);	/* which daemons forbid, and the leak checker needs */
	sem_post(&world_is_up);
	return err;
}

/* The daemon has ended, which nobody asked for but a signal. */
static void world_ended(int err, const char *error)
{
	printf("the daemon has ended: %s\n", err ? error : "by a signal");
	fflush(stdout);
	_exit(err == -EPERM || err == -EACCES || err == -ENOENT || err == -ENODEV ? 77 : err ? 1 : 130);
}

/* Starts the daemon's thread, and returns when it can be asked. What it logs goes nowhere from then on. */
static void world_begin(int *argc, char ***argv, void *(*daemon)(void *))
{
	static char quiet[] = "-close_fd_mask=2", longest[] = "-max_len=256", grown[] = "-len_control=0", *args[64];
	pthread_t thread;
	int n = *argc;

	if (n + 4 > (int)ARRAY_SIZE(args) || sodium_init() < 0)
		abort();
	args[0] = (*argv)[0];
	args[1] = quiet;
	args[2] = longest;	/* unless the user says otherwise behind it */
	args[3] = grown;
	memcpy(args + 4, *argv + 1, (size_t)(n - 1) * sizeof(*args));
	*argv = args;
	*argc = n + 3;
	world_enter();
	sem_init(&world_is_up, 0, 0);
	if (pthread_create(&thread, NULL, daemon, NULL))
		abort();
	sem_wait(&world_is_up);
}

/* ---- a request of the input's making ---- */

struct world_bytes {
	const uint8_t *at;
	size_t left;
};

static u8 world_byte(struct world_bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->at++;
}

/* A few letters again and again, for what is too long is to be had from short inputs, too. */
static json_t *world_text(struct world_bytes *b)
{
	u32 len = world_byte(b), period = 1 + world_byte(b) % 4;
	char text[UINT8_MAX];

	for (u32 i = 0; i < len; i++)
		text[i] = i < period ? (char)(world_byte(b) & 0x7f) : text[i - period];	/* what is no UTF-8 comes in even inputs */
	return json_stringn(text, len);
}

static json_t *world_number(struct world_bytes *b)
{
	static const json_int_t edges[] = { 0, 1, -1, 63, 64, 255, 256, 1000, 1001, 65535, 65536, UINT32_MAX, (json_int_t)UINT32_MAX + 1, INT64_MAX, INT64_MIN };
	u8 first = world_byte(b);

	return json_integer(first < ARRAY_SIZE(edges) ? edges[first] : first * 256 + world_byte(b));
}

/* The fields of the commands that begin so, and what they take; those without words take numbers. */
static const struct {
	const char *command;
	struct {
		const char *name, *words[6];
	} fields[8];
} world_fields[] = {
	{ "uplink", { { "uplink", { "up1", "gw1", "lo", "nope" } }, { "weight", { NULL } }, { "metered", { NULL } }, { "backup", { NULL } },
		      { "rate", { "10mbit", "none", "1.5gbit" } }, { "quota", { "10GB", "none" } }, { "datapath", { "auto", "udp", "xdp" } },
		      { "limits_only", { NULL } } } },
	{ "policy", { { "kind", { "mark", "cgroup", "dscp", "port" } }, { "value", { NULL } }, { "text", { "/sys/fs/cgroup", "ef", "tcp/443" } },
		      { "class", { "realtime", "bulk", "bypass", "auto" } }, { "path", { "up1", "nope" } } } },
	{ "attach", { { "uplink", { "up1", "lo" } }, { "mode", { "auto", "native", "generic", "off" } } } },
	{ "detach", { { "uplink", { "up1", "lo" } } } },
	{ "flows", { { "top", { NULL } }, { "idle_us", { NULL } }, { "sort", { "rate", "age", "recent" } }, { "protocol", { "tcp", "icmp6", "17" } },
		     { "end", { "198.51.100.2", "10.0.0.0/8", ":443", "[2001:db8::1]:53" } }, { "client", { "laptop" } } } },
	{ "why", { { "flow", { "tcp 10.0.85.2:43210 198.51.100.2:443", "udp 198.51.100.2:53", "198.51.100.2" } } } },
	{ "log", { { "level", { "error", "info", "debug" } }, { "area", { "uplinks", "control" } }, { "after", { NULL } }, { "max", { NULL } } } },
	{ "clients", { { "client", { "laptop", "nobody" } } } },
	{ "", { { "detailed", { NULL } }, { "uplink", { "up1" } }, { "json", { NULL } } } },
};

static json_t *world_fitting(struct world_bytes *b, const char *const words[6])
{
	u32 count = 0;

	while (count < 6 && words[count])
		count++;
	return count ? json_string(words[world_byte(b) % count]) : world_number(b);
}

static json_t *world_value(struct world_bytes *b, const char *const words[6])
{
	u8 kind = world_byte(b);

	switch (kind % 8) {
	case 0:
		return world_text(b);
	case 1:
		return world_number(b);
	case 2:
		return kind & 8 ? json_true() : kind & 16 ? json_null() : json_false();
	case 3:
		return kind & 8 ? json_array() : kind & 16 ? json_object() : json_real(kind - 100.5);
	default:
		return world_fitting(b, words);
	}
}

/* Programs that are attached and detached take so long that they may come now and then only. */
static const char *world_command(struct world_bytes *b)
{
	u32 which = world_byte(b) % world_command_count;
	bool seldom = strstr(world_commands[which].name, "tach ");

	if (seldom && world_byte(b) % 16)
		which = world_byte(b) % 2;
	return world_commands[which].name;
}

static char *world_request(struct world_bytes *b)
{
	const char *command = world_command(b);
	json_t *request = json_pack("{s:s}", "command", command);
	u8 which = world_byte(b);
	u32 row = 0;
	char *line;

	while (strncmp(command, world_fields[row].command, strlen(world_fields[row].command)))
		row++;
	for (u32 i = 0; i < 8 && world_fields[row].fields[i].name; i++)
		if (which & 1 << i)
			json_object_set_new(request, world_fields[row].fields[i].name, world_value(b, world_fields[row].fields[i].words));
	line = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (!line)
		abort();
	return line;
}

/* ---- a connection ---- */

static void world_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			abort();	/* nothing that is sent here is too long to be read */
		at += MAX(n, 0);
		len -= (size_t)MAX(n, 0);
	}
}

static int world_connect(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (control_path(WORLD_DIR, WORLD_NAME, at.sun_path) || fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		abort();
	return fd;
}

/* An answer is an object: "ok", or an "error" that says something and the "code" to end with. */
static void world_check(const char *line, size_t len)
{
	json_t *answer = json_loadb(line, len, 0, NULL), *ok = json_object_get(answer, "ok");
	const char *error = json_string_value(json_object_get(answer, "error"));
	json_int_t code = json_integer_value(json_object_get(answer, "code"));

	if (!json_is_boolean(ok) || json_is_true(ok) != !error || (error && (!error[0] || (code != 1 && code != 2 && code != 4))))
		abort();
	json_decref(answer);
}

static void world_read_answers(int fd, u32 expected)
{
	FILE *from = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!from)
		abort();
	while ((len = getline(&line, &room, from)) > 0) {
		if (!expected-- || line[len - 1] != '\n')
			abort();
		world_check(line, (size_t)len);
	}
	if (expected)
		abort();
	free(line);
	fclose(from);
}

static u32 world_send_raw(int fd, const uint8_t *data, size_t size)
{
	u32 lines = 0;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	world_write_all(fd, data, size);
	return lines;
}

static u32 world_send_requests(int fd, struct world_bytes b)
{
	u32 lines = 0;

	for (; b.left && lines < 8; lines++) {
		char *line = world_request(&b);

		world_write_all(fd, line, strlen(line));
		world_write_all(fd, "\n", 1);
		free(line);
	}
	return lines;
}

static void world_ask(const uint8_t *data, size_t size)
{
	int fd;
	u32 lines;

	if (!size)
		return;
	fd = world_connect();
	if (data[0] & 1)
		lines = world_send_requests(fd, (struct world_bytes){ data + 1, size - 1 });
	else
		lines = world_send_raw(fd, data + 1, size - 1);
	shutdown(fd, SHUT_WR);
	world_read_answers(fd, lines);
}

#endif
