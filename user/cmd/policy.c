// SPDX-License-Identifier: MIT
/* policy.c - triglav-ctl policy: which packets are realtime, bulk, for one path, or not for the tunnel */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <triglav/maps.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/table.h"
#include "manage/policy_text.h"

static struct look asked = LOOK_INIT;
static char cgroup[POLICY_TEXT_BYTES], mark[24], dscp[24], port[24];

static const struct cmd_flag flags[] = {
	CMD_FLAG_TEXT("cgroup", 0, "PATH", cgroup, "packets of processes in this cgroup (a folder of cgroup2) and those below it"),
	CMD_FLAG_TEXT("mark", 0, "M", mark, "packets with this fwmark"),
	CMD_FLAG_TEXT("dscp", 0, "D", dscp, "packets with this DSCP, 0 to 63, or ef, af11 to af43, cs0 to cs7"),
	CMD_FLAG_TEXT("port", 0, "P", port, "packets from or to this port: 443, tcp/443, udp/443"),
	LOOK_FLAGS(asked, "list: as JSON"),
	{ .flag = NULL },
};

/* ---- which packets ---- */

/* How it is told to the daemon: resolved, for it may stand in another folder. One that is gone stays as it was written. */
static int read_cgroup(struct policy *p)
{
	char real[PATH_MAX];

	if (!realpath(cgroup, real))
		snprintf(real, sizeof(real), "%s", cgroup);
	if (policy_parse_packets(p, TG_POLICY_CGROUP, real))
		return cmd_fail(CMD_FAILED, "%s is no folder of cgroup2 (usually /sys/fs/cgroup/...)", cgroup);
	return CMD_OK;
}

static int read_packets(struct policy *p)
{
	const struct {
		u32 kind;
		const char *text;
	} said[] = { { TG_POLICY_MARK, mark }, { TG_POLICY_DSCP, dscp }, { TG_POLICY_PORT, port } };

	int kinds = !!cgroup[0] + !!mark[0] + !!dscp[0] + !!port[0];

	if (kinds != 1)
		return cmd_fail(CMD_USAGE, kinds ? "a policy is about one of --cgroup, --mark, --dscp and --port; make several policies" :
				"which packets? One of --cgroup, --mark, --dscp, --port");
	for (size_t i = 0; i < ARRAY_SIZE(said); i++)
		if (said[i].text[0] && policy_parse_packets(p, said[i].kind, said[i].text))
			return cmd_fail(CMD_USAGE, "--%s: expected %s, found \"%s\"", policy_kind_name(said[i].kind),
					policy_packets_expects(said[i].kind), said[i].text);
	return cgroup[0] ? read_cgroup(p) : CMD_OK;
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

static json_t *request_of(const char *command, const struct policy *p)
{
	return json_pack("{s:s, s:s, s:I, s:s}", "command", command, "kind", policy_kind_name(p->kind), "value", (json_int_t)p->value,
			 "text", p->text);
}

/* Words behind "add": bypass; or class C and path NAME, either or both. */
static bool read_wish(char **words, int count, const char **class, const char **path)
{
	*class = *path = NULL;
	if (count == 1 && !strcmp(words[0], "bypass")) {
		*class = words[0];
		return true;
	}
	for (int i = 0; i + 1 < count; i += 2) {
		if (!strcmp(words[i], "class") && (!strcmp(words[i + 1], "realtime") || !strcmp(words[i + 1], "bulk")))
			*class = words[i + 1];
		else if (!strcmp(words[i], "path"))
			*path = words[i + 1];
		else
			return false;
	}
	return count && !(count & 1);
}

static int add(char **words, int count)
{
	const char *class, *path;
	struct policy p = { 0 };
	json_t *request;
	int code;

	if (!read_wish(words, count, &class, &path))
		return cmd_fail(CMD_USAGE, "what of them? class realtime, class bulk, path UPLINK; or class and path; or bypass");
	code = read_packets(&p);
	if (code)
		return code;
	if (p.kind == TG_POLICY_CGROUP && !p.value)
		return cmd_fail(CMD_FAILED, "%s: %s", cgroup, strerror(ENOENT));
	request = request_of("policy add", &p);
	if (class)
		json_object_set_new(request, "class", json_string(class));
	if (path)
		json_object_set_new(request, "path", json_string(path));
	return ask(request);
}

static int remove_policy(char **words, int count)
{
	struct policy p = { 0 };
	int code = count ? cmd_fail(CMD_USAGE, "\"%.40s\" is one word too many", words[0]) : read_packets(&p);

	return code ? code : ask(request_of("policy remove", &p));
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
		table_put(t, "%s", path[0] ? path : !strcmp(field_text(one, "class"), "bypass") ? "outside" : "any");
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
	else if (json_array_size(json_object_get(answer, "policies")))
		print(json_object_get(answer, "policies"));
	else
		puts("no policies: flows are judged by what they do");
	if (!asked.json && !field_true(answer, "possible"))
		puts("there is no classifier on the tunnel device, so only a bypass is possible: started with --no-lanes, or the kernel refused "
		     "(see: triglav-ctl log)");
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
	if (count)
		return cmd_fail(CMD_USAGE, "\"%.40s\": triglav-ctl policy can list, add and remove", words[0]);
	return cmd_fail(CMD_USAGE, "triglav-ctl policy can list, add and remove");
}

const struct command cmd_policy = {
	.name = "policy",
	.words = "list | add [class C] [path UPLINK] [bypass] | remove",
	.summary = "which packets are realtime, bulk, for one path, or outside",
	.example = "  triglav-ctl policy add --dscp ef class realtime\n"
		   "  triglav-ctl policy add --port tcp/873 class bulk path wwan0\n"
		   "  triglav-ctl policy add --cgroup /sys/fs/cgroup/backup.slice bypass\n"
		   "  triglav-ctl policy remove --dscp ef",
	.flags = flags,
	.run = run,
};
