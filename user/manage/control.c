// SPDX-License-Identifier: MIT
/* control.c - the daemon's end of the control socket
 *
 * Everything is bounded before it is looked at: who (peer credentials), how many (connections),
 * how long (a line), and for how long (idle time out). A slow reader delays nobody: answers wait
 * in its buffer, and it is not read from meanwhile.
 */
#include "manage/control.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/log.h"

struct connection {
	struct control *control;
	struct bufferevent *io;
	struct connection *next;
	bool closing;		/* when the answer is out */
};

struct control {
	struct event_base *base;
	struct evconnlistener *listener;
	const struct control_command *commands;
	void *ctx;
	gid_t group;
	char path[CONTROL_PATH_BYTES];
	struct connection *connections;
	u32 count;
};

/* Requests */

const char *control_text(const json_t *request, const char *field)
{
	const json_t *value = json_object_get(request, field);
	const char *text = json_string_value(value);

	return text && strlen(text) == json_string_length(value) ? text : NULL;
}

json_int_t control_number(const json_t *request, const char *field, json_int_t fallback, json_int_t max)
{
	const json_t *value = json_object_get(request, field);

	if (!value)
		return fallback;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
		return -1;
	return json_integer_value(value);
}

static char *line_of(json_t *answer)
{
	char *line = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	json_decref(answer);
	return line;
}

static char *refusal(const char *error, int code)
{
	return line_of(json_pack("{s:b, s:s, s:i}", "ok", 0, "error", error, "code", code));
}

/* Exit codes of the command line: 2 usage, 4 not permitted, 1 everything else. */
static int code_of(int err)
{
	return err == -EINVAL ? 2 : err == -EPERM || err == -EACCES ? 4 : 1;
}

static char *refusal_of(int err, const char *error)
{
	return refusal(error[0] ? error : strerror(-err), code_of(err));
}

static char *print_command(const struct control_command *command, void *ctx, const json_t *request)
{
	char error[RUN_ERROR_BYTES] = "", *line = NULL;
	size_t len;
	FILE *out = open_memstream(&line, &len);
	int err;

	if (!out)
		return NULL;
	fputs("{\"ok\":true,", out);
	err = command->print(ctx, request, out, error);
	fputc('}', out);
	if (!fclose(out) && !err)
		return line;
	free(line);
	return err ? refusal_of(err, error) : NULL;
}

static char *run_command(const struct control_command *command, void *ctx, const json_t *request)
{
	char error[RUN_ERROR_BYTES] = "";
	json_t *answer = json_object();
	int err = command->run(ctx, request, answer, error);

	if (err) {
		json_decref(answer);
		return refusal_of(err, error);
	}
	json_object_set_new(answer, "ok", json_true());
	return line_of(answer);
}

char *control_answer(const struct control_command *commands, void *ctx, const char *line, size_t len)
{
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = control_text(request, "command");
	const struct control_command *command = commands;
	char *answer;

	while (name && command->name && strcmp(command->name, name))
		command++;
	if (!request)
		answer = refusal("this is not a line of JSON", 2);
	else if (!name)
		answer = refusal("a request is an object with a text \"command\"", 2);
	else if (!command->name)
		answer = refusal("this daemon does not know that command; is it of another version?", 2);
	else if (command->print)
		answer = print_command(command, ctx, request);
	else
		answer = run_command(command, ctx, request);
	json_decref(request);
	return answer;
}

/* Connections */

static void drop_connection(struct connection *c)
{
	struct connection **at = &c->control->connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->control->count--;
	bufferevent_free(c->io);
	free(c);
}

static void send_answer(struct connection *c, char *line)
{
	if (!line) {
		c->closing = true;	/* no memory: the other end gives up, or the time out comes */
		return;
	}
	bufferevent_write(c->io, line, strlen(line));
	bufferevent_write(c->io, "\n", 1);
	free(line);
	/* The next request waits until this answer has left. */
	bufferevent_disable(c->io, EV_READ);
}

static void close_after(struct connection *c, const char *error, int code)
{
	c->closing = true;
	send_answer(c, refusal(error, code));
}

/* One request at a time; whatever else lies in the buffer comes when the answer is out. */
static void on_read(struct bufferevent *io, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(io);
	struct connection *c = arg;
	size_t len;
	char *line;

	if (c->closing)
		return;
	line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (line)
		send_answer(c, control_answer(c->control->commands, c->control->ctx, line, len));
	else if (evbuffer_get_length(in) >= CONTROL_MAX_REQUEST)
		close_after(c, "the request is too long", 2);
	free(line);
}

static void on_written(struct bufferevent *io, void *arg)
{
	struct connection *c = arg;

	if (c->closing) {
		drop_connection(c);
		return;
	}
	bufferevent_enable(io, EV_READ);
	if (evbuffer_get_length(bufferevent_get_input(io)))
		on_read(io, c);
}

static void on_event(struct bufferevent *io, short what, void *arg)
{
	(void)io;
	(void)what;		/* end, error, time out */
	drop_connection(arg);
}

/* root, the daemon's own user, and members of the socket's group. The file's mode says the same;
 * this also holds for a descriptor that somebody passed on. */
static bool may_ask(const struct control *control, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	gid_t groups[64];

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	if (control->group == 0)
		return false;
	if (peer.gid == control->group)
		return true;
	len = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == control->group)
			return true;
	return false;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	static const struct timeval idle = { .tv_sec = CONTROL_IDLE_SECONDS };
	struct control *control = arg;
	struct connection *c = NULL;

	(void)listener;
	(void)from;
	(void)len;
	if (control->count < CONTROL_MAX_CONNECTIONS)
		c = calloc(1, sizeof(*c));
	if (c)
		c->io = bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->io) {
		free(c);
		close(fd);
		return;
	}
	c->control = control;
	c->next = control->connections;
	control->connections = c;
	control->count++;
	bufferevent_setcb(c->io, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->io, EV_READ, 0, CONTROL_MAX_REQUEST);
	bufferevent_set_timeouts(c->io, &idle, &idle);
	bufferevent_enable(c->io, EV_READ | EV_WRITE);
	if (!may_ask(control, fd))
		close_after(c, "not permitted: be root or a member of the socket's group", 4);
}

/* Opening */

int control_path(const char *runtime_dir, const char *name, char path[CONTROL_PATH_BYTES])
{
	int n = snprintf(path, CONTROL_PATH_BYTES, "%s/%s.sock", runtime_dir, name);

	return n < 0 || n >= (int)CONTROL_PATH_BYTES ? -ENAMETOOLONG : 0;
}

/* Nobody may connect between bind() and chmod(): the mask sees to it. */
static int bind_private(int fd, const char *path, gid_t group)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t mask = umask(0177);
	int err = 0;

	memcpy(sun.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)))
		err = -errno;
	umask(mask);
	if (err)
		return err;
	if (group && chown(path, (uid_t)-1, group))
		return 0;	/* not root: stays the owner's alone */
	return chmod(path, 0660) ? -errno : 0;
}

static int open_socket(struct control *c, char *error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	int err = fd < 0 ? -errno : 0;

	if (!err && !lstat(c->path, &st) && S_ISSOCK(st.st_mode))
		unlink(c->path);
	if (!err)
		err = bind_private(fd, c->path, c->group);
	if (!err) {
		c->listener = evconnlistener_new(c->base, on_accept, c, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
						 CONTROL_MAX_CONNECTIONS, fd);
		err = c->listener ? 0 : -ENOMEM;
	}
	if (err) {
		snprintf(error, RUN_ERROR_BYTES, "control socket %.108s: %s", c->path, strerror(-err));
		if (fd >= 0)
			close(fd);
	}
	return err;
}

int control_open(struct control **out, struct event_base *base, const char *runtime_dir, const char *name,
		 const struct control_command *commands, void *ctx, char error[RUN_ERROR_BYTES])
{
	struct control *c = calloc(1, sizeof(*c));
	struct group *group;
	int err = -ENOMEM;

	if (!c) {
		snprintf(error, RUN_ERROR_BYTES, "no memory");
		return err;
	}
	c->base = base;
	c->commands = commands;
	c->ctx = ctx;
	group = getgrnam(CONTROL_GROUP);
	c->group = group ? group->gr_gid : 0;
	err = control_path(runtime_dir, name, c->path);
	if (err)
		snprintf(error, RUN_ERROR_BYTES, "the path of the control socket in %.150s is too long", runtime_dir);
	else
		err = open_socket(c, error);
	if (err) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	while (c->connections) {
		struct evbuffer *out = bufferevent_get_output(c->connections->io);

		/* The answer to "stop" is still there; a bufferevent guards its output. */
		evbuffer_unfreeze(out, 1);
		evbuffer_write(out, bufferevent_getfd(c->connections->io));
		drop_connection(c->connections);
	}
	evconnlistener_free(c->listener);
	unlink(c->path);
	free(c);
}
