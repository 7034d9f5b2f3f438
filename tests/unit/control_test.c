// SPDX-License-Identifier: MIT
/* control_test.c - the control socket: requests, bounds, who may ask, and asking */
#include "unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>

#include "base/types.h"
#include "manage/control.h"

static int echo(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *text = control_text(request, "text");
	json_int_t number = control_number(request, "number", 7, 1000);

	if (!text || number < 0) {
		snprintf(error, RUN_ERROR_BYTES, "text and number, please");
		return -EINVAL;
	}
	++*(int *)ctx;
	json_object_set_new(answer, "text", json_string(text));
	json_object_set_new(answer, "number", json_integer(number));
	return 0;
}

static int refuse(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)ctx;
	(void)request;
	(void)error;
	json_object_set_new(answer, "left", json_true());	/* must not reach the other end */
	return -EPERM;
}

/* An answer that no socket buffer holds at once. */
static int plenty(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	static char text[3 << 20];

	(void)ctx;
	(void)request;
	(void)error;
	memset(text, 'x', sizeof(text) - 1);
	json_object_set_new(answer, "text", json_string(text));
	return 0;
}

/* An answer that is printed; asked for in vain it has printed half of it. */
static int print(void *ctx, const json_t *request, FILE *out, char error[RUN_ERROR_BYTES])
{
	(void)ctx;
	(void)error;
	fputs("\"numbers\":[1,2]", out);
	return json_is_true(json_object_get(request, "in vain")) ? -ENODATA : 0;
}

static const struct control_command commands[] = {
	{ "echo", echo, NULL }, { "refuse", refuse, NULL }, { "plenty", plenty, NULL }, { "print", NULL, print },
	{ NULL, NULL, NULL },
};

static const struct {
	const char *line, *answer;
} requests[] = {
	{ "{\"command\":\"echo\",\"text\":\"a\"}", "{\"number\":7,\"ok\":true,\"text\":\"a\"}" },
	{ "{\"command\":\"echo\",\"text\":\"a\",\"number\":1000}", "{\"number\":1000,\"ok\":true,\"text\":\"a\"}" },
	{ "{\"command\":\"echo\",\"text\":\"a\",\"number\":1001}", "{\"code\":2,\"error\":\"text and number, please\",\"ok\":false}" },
	{ "{\"command\":\"echo\",\"text\":\"a\",\"number\":-1}", "{\"code\":2,\"error\":\"text and number, please\",\"ok\":false}" },
	{ "{\"command\":\"echo\",\"text\":\"a\",\"number\":\"1\"}", "{\"code\":2,\"error\":\"text and number, please\",\"ok\":false}" },
	{ "{\"command\":\"echo\",\"text\":5}", "{\"code\":2,\"error\":\"text and number, please\",\"ok\":false}" },
	{ "{\"command\":\"refuse\"}", "{\"code\":4,\"error\":\"Operation not permitted\",\"ok\":false}" },
	{ "{\"command\":\"print\"}", "{\"numbers\":[1,2],\"ok\":true}" },
	{ "{\"command\":\"print\",\"in vain\":true}", "{\"code\":1,\"error\":\"No data available\",\"ok\":false}" },
	{ "{\"command\":\"what\"}", "{\"code\":2,\"error\":\"this daemon does not know that command; is it of another version?\",\"ok\":false}" },
	{ "{\"command\":5}", "{\"code\":2,\"error\":\"a request is an object with a text \\\"command\\\"\",\"ok\":false}" },
	{ "[\"echo\"]", "{\"code\":2,\"error\":\"a request is an object with a text \\\"command\\\"\",\"ok\":false}" },
	{ "{}", "{\"code\":2,\"error\":\"a request is an object with a text \\\"command\\\"\",\"ok\":false}" },
	{ "{\"command\":\"echo\",\"command\":\"echo\"}", "{\"code\":2,\"error\":\"this is not a line of JSON\",\"ok\":false}" },
	{ "{\"command\":\"echo\"", "{\"code\":2,\"error\":\"this is not a line of JSON\",\"ok\":false}" },
	{ "", "{\"code\":2,\"error\":\"this is not a line of JSON\",\"ok\":false}" },
	{ "\xff\xff", "{\"code\":2,\"error\":\"this is not a line of JSON\",\"ok\":false}" },
};

static void requests_are_checked(void **state)
{
	int count = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		char *line = control_answer(commands, &count, requests[i].line, strlen(requests[i].line));
		json_t *answer = json_loads(line, 0, NULL);
		char *text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);

		assert_string_equal(text, requests[i].answer);
		free(text);
		free(line);
		json_decref(answer);
	}
	assert_int_equal(count, 2);
}

/* A daemon: its loop in a thread. */

static struct {
	char dir[64], path[CONTROL_PATH_BYTES];
	struct event_base *base;
	struct control *control;
	pthread_t thread;
	int count;
} daemon_side;

static void *loop(void *base)
{
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static int start(void **state)
{
	char error[RUN_ERROR_BYTES];

	(void)state;
	evthread_use_pthreads();
	snprintf(daemon_side.dir, sizeof(daemon_side.dir), "/tmp/triglav-control-XXXXXX");
	if (!mkdtemp(daemon_side.dir) || chmod(daemon_side.dir, 0755))
		return -1;
	control_path(daemon_side.dir, "one", daemon_side.path);
	daemon_side.count = 0;
	daemon_side.base = event_base_new();
	if (control_open(&daemon_side.control, daemon_side.base, daemon_side.dir, "one", commands, &daemon_side.count, error))
		return -1;
	return pthread_create(&daemon_side.thread, NULL, loop, daemon_side.base);
}

static void end_loop(int fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

/* As an event: a break that comes before the loop began would be forgotten. */
static int stop(void **state)
{
	(void)state;
	event_base_once(daemon_side.base, -1, EV_TIMEOUT, end_loop, daemon_side.base, NULL);
	pthread_join(daemon_side.thread, NULL);
	control_close(daemon_side.control);
	event_base_free(daemon_side.base);
	return rmdir(daemon_side.dir);	/* the socket is gone, so this works */
}

static int ask(const char *name, const char *command, json_t **answer, char *error)
{
	json_t *request = json_pack("{s:s, s:s}", "command", command, "text", "hello");
	int code = 0, err = control_request(daemon_side.dir, name, request, answer, &code, error);

	json_decref(request);
	return err == -EREMOTEIO ? code : err;
}

static void a_daemon_answers(void **state)
{
	char error[RUN_ERROR_BYTES];
	struct stat st;
	json_t *answer;

	(void)state;
	assert_int_equal(stat(daemon_side.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(ask("one", "echo", &answer, error), 0);
	assert_string_equal(control_text(answer, "text"), "hello");
	json_decref(answer);
	assert_int_equal(ask("one", "refuse", &answer, error), 4);
	assert_null(answer);
	assert_int_equal(ask("one", "plenty", &answer, error), 0);
	assert_int_equal(strlen(control_text(answer, "text")), (3 << 20) - 1);
	json_decref(answer);
}

static void an_absent_daemon_is_named_and_those_that_run(void **state)
{
	char error[RUN_ERROR_BYTES], names[2][RUN_NAME_BYTES];
	json_t *answer;

	(void)state;
	assert_int_equal(ask("two", "echo", &answer, error), -ENOENT);
	assert_non_null(strstr(error, "no triglav named \"two\" runs"));
	assert_non_null(strstr(error, "there is one"));
	assert_int_equal(control_instances(daemon_side.dir, names, 2), 1);
	assert_string_equal(names[0], "one");
	assert_int_equal(control_instances("/nonexistent", names, 2), 0);
}

static int raw_connect(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sun.sun_path, daemon_side.path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* Reads until `lines` lines are there or the other end closes; returns how many came. */
static int read_lines(int fd, int lines, char *last, size_t room)
{
	size_t len = 0;
	int count = 0;

	while (count < lines && len < room - 1 && recv(fd, last + len, 1, 0) == 1)
		if (last[len++] == '\n' && ++count < lines)
			len = 0;
	last[len] = '\0';
	return count;
}

static void many_requests_on_one_connection_are_answered_in_order(void **state)
{
	char line[256];
	int fd = raw_connect();

	(void)state;
	for (int i = 1; i <= 100; i++) {
		int n = snprintf(line, sizeof(line), "{\"command\":\"echo\",\"text\":\"t\",\"number\":%d}\n", i);

		assert_int_equal(send(fd, line, (size_t)n, 0), n);
	}
	assert_int_equal(read_lines(fd, 100, line, sizeof(line)), 100);
	assert_non_null(strstr(line, "\"number\":100"));
	close(fd);
}

static void a_line_without_end_is_cut_off(void **state)
{
	static char junk[2 * CONTROL_MAX_REQUEST];
	char line[256], error[RUN_ERROR_BYTES];
	int fd = raw_connect();
	json_t *answer;

	(void)state;
	memset(junk, '[', sizeof(junk));
	send(fd, junk, sizeof(junk), MSG_NOSIGNAL);	/* may be cut short */
	assert_int_equal(read_lines(fd, 1, line, sizeof(line)), 1);
	assert_non_null(strstr(line, "too long"));
	assert_int_equal(read_lines(fd, 1, line, sizeof(line)), 0);
	close(fd);
	assert_int_equal(ask("one", "echo", &answer, error), 0);
	json_decref(answer);
}

static void deep_nesting_and_junk_do_no_harm(void **state)
{
	static char deep[60000];
	char line[256], error[RUN_ERROR_BYTES];
	int fd = raw_connect();
	json_t *answer;

	(void)state;
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\n';
	assert_int_equal(send(fd, deep, sizeof(deep), 0), sizeof(deep));
	assert_int_equal(read_lines(fd, 1, line, sizeof(line)), 1);
	assert_non_null(strstr(line, "not a line of JSON"));
	close(fd);
	assert_int_equal(ask("one", "echo", &answer, error), 0);
	json_decref(answer);
}

static void too_many_connections_are_refused_and_room_comes_back(void **state)
{
	int fds[CONTROL_MAX_CONNECTIONS];
	char error[RUN_ERROR_BYTES], c;
	json_t *answer;
	int err;

	(void)state;
	for (u32 i = 0; i < CONTROL_MAX_CONNECTIONS; i++) {
		fds[i] = raw_connect();
		assert_int_equal(send(fds[i], "{}\n", 3, 0), 3);
		assert_int_equal(recv(fds[i], &c, 1, 0), 1);	/* it has been accepted */
	}
	assert_true(ask("one", "echo", &answer, error) < 0);
	for (u32 i = 0; i < CONTROL_MAX_CONNECTIONS; i++)
		close(fds[i]);
	for (int tries = 0; tries < 10000; tries++) {
		err = ask("one", "echo", &answer, error);
		if (!err)
			break;
	}
	assert_int_equal(err, 0);
	json_decref(answer);
}

/* Somebody else: kept out by the mode, and when the mode lets him in, by who he is. */
static int ask_as_nobody(void)
{
	char error[RUN_ERROR_BYTES];
	json_t *answer;
	pid_t child = fork();
	int status, err;

	if (!child) {
		if (setgid(65534) || setuid(65534))
			_exit(99);
		err = ask("one", "echo", &answer, error);
		_exit(err < 0 ? -err : err);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void others_may_not_ask(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(ask_as_nobody(), EACCES);
	assert_int_equal(chmod(daemon_side.path, 0666), 0);
	assert_int_equal(ask_as_nobody(), 4);
	assert_int_equal(daemon_side.count, 0);
}

static void a_dead_socket_is_replaced_but_no_other_file(void **state)
{
	char dir[] = "/tmp/triglav-control-XXXXXX", path[CONTROL_PATH_BYTES], error[RUN_ERROR_BYTES];
	struct event_base *base = event_base_new();
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct control *c = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	control_path(dir, "x", path);
	strcpy(sun.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_int_equal(control_open(&c, base, dir, "x", commands, NULL, error), 0);
	control_close(c);

	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(control_open(&c, base, dir, "x", commands, NULL, error), -EADDRINUSE);
	assert_non_null(strstr(error, path));
	unlink(path);
	rmdir(dir);
	event_base_free(base);
}

#define with_daemon(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_checked),
		with_daemon(a_daemon_answers),
		with_daemon(an_absent_daemon_is_named_and_those_that_run),
		with_daemon(many_requests_on_one_connection_are_answered_in_order),
		with_daemon(a_line_without_end_is_cut_off),
		with_daemon(deep_nesting_and_junk_do_no_harm),
		with_daemon(too_many_connections_are_refused_and_room_comes_back),
		with_daemon(others_may_not_ask),
		cmocka_unit_test(a_dead_socket_is_replaced_but_no_other_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
