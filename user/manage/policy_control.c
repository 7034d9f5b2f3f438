// SPDX-License-Identifier: MIT
/* policy_control.c - the control socket's commands about policies, of client and server alike */
#include "manage/policy_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "manage/control.h"
#include "manage/policy_text.h"
#include "run/instance.h"

static const u64 most[] = {	/* values */
	[TG_POLICY_MARK] = UINT32_MAX, [TG_POLICY_CGROUP] = INT64_MAX, [TG_POLICY_DSCP] = 63, [TG_POLICY_PORT] = 0xffffff,
};

/* Which packets. Nothing has mark 0, and no packet port 0: such a policy would never hold. A cgroup that is to be removed may be gone. */
static int read_packets(const json_t *request, bool adds, struct policy *p, char *error)
{
	const char *name = control_text(request, "kind"), *text = control_text(request, "text");
	json_int_t number;

	p->kind = name ? policy_parse_kind(name) : 0;
	if (!p->kind)
		return run_say(error, -EINVAL, "\"kind\" is mark, cgroup, dscp or port");
	number = control_number(request, "value", p->kind == TG_POLICY_CGROUP && !adds ? 0 : -1, (json_int_t)most[p->kind]);
	if (number < 0 || (p->kind == TG_POLICY_PORT && !(number & 0xffff)) || (p->kind == TG_POLICY_MARK && !number) ||
	    (p->kind == TG_POLICY_CGROUP && adds && !number))
		return run_say(error, -EINVAL, "\"value\" is no %s", name);
	p->value = (u64)number;
	if (p->kind == TG_POLICY_CGROUP && (!text || text[0] != '/'))
		return run_say(error, -EINVAL, "\"text\" is the folder of the cgroup, from / on");
	if (text && strlen(text) >= sizeof(p->text))
		return run_say(error, -EINVAL, "\"text\" is longer than %zu letters", sizeof(p->text) - 1);
	if (text)
		snprintf(p->text, sizeof(p->text), "%s", text);
	else
		snprintf(p->text, sizeof(p->text), "%llu", (unsigned long long)p->value);
	return 0;
}

static int read_wish(const json_t *request, struct policy *p, char *error)
{
	const char *class = control_text(request, "class"), *path = control_text(request, "path");
	int number = class ? policy_parse_class(class) : TG_CLASS_AUTO;

	if (number < 0 || (path && (!path[0] || strlen(path) >= sizeof(p->path))) || (number == TG_CLASS_AUTO && !path))
		return run_say(error, -EINVAL, "expected \"class\", realtime, bulk or bypass, or \"path\", the name of an uplink, or both");
	if (number == TG_CLASS_BYPASS && path)
		return run_say(error, -EINVAL, "what bypasses the tunnel takes the host's own routes, and no path");
	p->class = (u8)number;
	snprintf(p->path, sizeof(p->path), "%s", path ? path : "");
	return 0;
}

int policy_control_add(struct policies *p, const json_t *request, char error[RUN_ERROR_BYTES])
{
	struct policy one = { 0 };
	int err = read_packets(request, true, &one, error);

	if (!err)
		err = read_wish(request, &one, error);
	return err ? err : policies_add(p, &one, error);
}

int policy_control_remove(struct policies *p, const json_t *request, char error[RUN_ERROR_BYTES])
{
	struct policy one = { 0 };
	int err = read_packets(request, false, &one, error);

	return err ? err : policies_remove(p, &one, error);
}

int policy_control_list(const struct policies *p, json_t *answer)
{
	json_t *list = json_array();

	for (u32 i = 0; i < p->count; i++) {
		const struct policy *one = &p->at[i];

		json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s, s:s}", "kind", policy_kind_name(one->kind), "value",
						      (json_int_t)one->value, "text", one->text, "class",
						      policy_class_name(one->class), "path", one->path));
	}
	if (json_object_set_new(answer, "policies", list))
		return -ENOMEM;
	return json_object_set_new(answer, "possible", json_boolean(policies_possible(p))) ? -ENOMEM : 0;
}
