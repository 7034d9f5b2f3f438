// SPDX-License-Identifier: MIT
/* policy.c - triglav-ctl policy: which packets are realtime, bulk, or for one path */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>
#include <triglav/flow.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/table.h"

static struct look asked = LOOK_INIT;
static char cgroup[160], mark[24], dscp[24], port[24];

static const struct cmd_flag flags[] = {
	CMD_FLAG_TEXT("cgroup", 0, "PATH", cgroup, "packets of processes in this cgroup (a folder of cgroup2) and those below it"),
	CMD_FLAG_TEXT("mark", 0, "M", mark, "packets with this fwmark"),
	CMD_FLAG_TEXT("dscp", 0, "D", dscp, "packets with this DSCP, 0 to 63, or ef, cs0 to cs7"),
	CMD_FLAG_TEXT("port", 0, "P", port, "packets from or to this port: 443, tcp/443, udp/443"),
	LOOK_FLAGS(asked, "list: as JSON"),
	{ .flag = NULL },
};

/* ---- which packets ---- */

struct choice {
	const char *kind, *text;
	json_int_t value;
};

static bool read_number(const char *text, u64 most, json_int_t *out)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value > most)
		return false;
	*out = (json_int_t)value;
	return true;
}

/* The number of a cgroup is that of its folder. */
static int read_cgroup(struct choice *c)
{
	struct statfs fs;
	struct stat st;

	if (statfs(cgroup, &fs) || stat(cgroup, &st))
		return cmd_fail(CMD_FAILED, "%s: %s", cgroup, strerror(errno));
	if (fs.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(st.st_mode))
		return cmd_fail(CMD_FAILED, "%s is no folder of cgroup2 (usually /sys/fs/cgroup/...)", cgroup);
	*c = (struct choice){ "cgroup", cgroup, (json_int_t)st.st_ino };
	return CMD_OK;
}

static int read_mark(struct choice *c)
{
	*c = (struct choice){ "mark", mark, 0 };
	return read_number(mark, UINT32_MAX, &c->value) && c->value ? CMD_OK :
	       cmd_fail(CMD_USAGE, "--mark: expected a number from 1 to 0xffffffff, found \"%s\"", mark);
}

static int read_dscp(struct choice *c)
{
	*c = (struct choice){ "dscp", dscp, 0 };
	if (!strcmp(dscp, "ef")) {
		c->value = 46;
		return CMD_OK;
	}
	if (dscp[0] == 'c' && dscp[1] == 's' && read_number(dscp + 2, 7, &c->value)) {
		c->value *= 8;
		return CMD_OK;
	}
	return read_number(dscp, 63, &c->value) ? CMD_OK : cmd_fail(CMD_USAGE, "--dscp: expected 0 to 63, ef or cs0 to cs7, found \"%s\"", dscp);
}

static int read_port(struct choice *c)
{
	json_int_t protocol = !strncmp(port, "tcp/", 4) ? TG_PROTO_TCP : !strncmp(port, "udp/", 4) ? TG_PROTO_UDP : 0;

	*c = (struct choice){ "port", port, 0 };
	if (!read_number(protocol ? port + 4 : port, 65535, &c->value) || !c->value)
		return cmd_fail(CMD_USAGE, "--port: expected 443, tcp/443 or udp/443, found \"%s\"", port);
	c->value |= protocol << 16;
	return CMD_OK;
}

static int read_choice(struct choice *c)
{
	int count = !!cgroup[0] + !!mark[0] + !!dscp[0] + !!port[0];

	if (count != 1)
		return cmd_fail(CMD_USAGE, "which packets? One of --cgroup, --mark, --dscp, --port");
	return cgroup[0] ? read_cgroup(c) : mark[0] ? read_mark(c) : dscp[0] ? read_dscp(c) : read_port(c);
}

/* ---- verbs ---- */

static int ask(json_t *request)
{
	json_t *answer;
	int code = look_ask(&asked, request, &answer);

	if (code)
		return code;
	if (json_is_false(json_object_get(answer, "present")))
		fprintf(stderr, "triglav-ctl: no uplink has that name now; until one has, its packets go by any (see: triglav uplink list)\n");
	json_decref(answer);
	return CMD_OK;
}

/* Words behind "add": class C and path NAME, either or both. */
static int add(char **words, int count)
{
	const char *class = NULL, *path = NULL;
	struct choice c;
	int code;

	for (int i = 0; i + 1 < count; i += 2) {
		if (!strcmp(words[i], "class") && (!strcmp(words[i + 1], "realtime") || !strcmp(words[i + 1], "bulk")))
			class = words[i + 1];
		else if (!strcmp(words[i], "path"))
			path = words[i + 1];
		else
			count = 0;
	}
	if (!count || count & 1)
		return cmd_fail(CMD_USAGE, "what of them? class realtime, class bulk, path UPLINK; or class and path");
	code = read_choice(&c);
	if (code)
		return code;
	return ask(json_pack("{s:s, s:s, s:I, s:s, s:s*, s:s*}", "command", "policy add", "kind", c.kind, "value", c.value,
			     "text", c.text, "class", class, "path", path));
}

static int remove_policy(char **words, int count)
{
	struct choice c;
	int code = count ? cmd_fail(CMD_USAGE, "\"%.40s\" is one word too many", words[0]) : read_choice(&c);

	return code ? code : ask(json_pack("{s:s, s:s, s:I}", "command", "policy remove", "kind", c.kind, "value", c.value));
}

static void print(const json_t *list)
{
	static const char *const titles[] = { "PACKETS", "WHICH", "CLASS", "PATH", NULL };
	struct table *t = table_new(titles);
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		const char *path = field_text(one, "path");

		table_put(t, "%s", field_text(one, "kind"));
		table_put(t, "%s", field_text(one, "text"));
		table_put(t, "%s", field_text(one, "class"));
		table_put(t, "%s", path[0] ? path : "any");
	}
	table_print(t, stdout);
}

static int list(char **words, int count)
{
	json_t *answer;
	int code = count ? cmd_fail(CMD_USAGE, "\"%.40s\" is one word too many", words[0]) :
		   look_ask(&asked, json_pack("{s:s}", "command", "policy list"), &answer);

	if (code)
		return code;
	if (asked.json)
		cmd_print_json(json_object_get(answer, "policies"));
	else if (!field_true(answer, "possible"))
		puts("there is no classifier on the tunnel device: started with --no-lanes, or the kernel refused (see: triglav-ctl log)");
	else if (!json_array_size(json_object_get(answer, "policies")))
		puts("no policies: flows are judged by what they do");
	else
		print(json_object_get(answer, "policies"));
	json_decref(answer);
	return CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	char *words[5] = { NULL };
	int code, count = cmd_parse(command, argc, argv, NULL, words, 5, &code);

	if (count < 0)
		return code;
	if (count && !strcmp(words[0], "add"))
		return add(words + 1, count - 1);
	if (count && !strcmp(words[0], "remove"))
		return remove_policy(words + 1, count - 1);
	if (count && !strcmp(words[0], "list"))
		return list(words + 1, count - 1);
	return cmd_fail(CMD_USAGE, "triglav-ctl policy can list, add and remove");
}

const struct command cmd_policy = {
	.name = "policy",
	.words = "list | add [class C] [path UPLINK] | remove",
	.summary = "which packets are realtime, bulk, or for one path",
	.example = "  triglav-ctl policy add --dscp ef class realtime\n"
		   "  triglav-ctl policy add --port tcp/873 class bulk path wwan0\n"
		   "  triglav-ctl policy remove --dscp ef",
	.flags = flags,
	.run = run,
};
