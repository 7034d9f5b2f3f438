// SPDX-License-Identifier: MIT
/* policy_control.c - the control socket's commands about policies, of client and server alike */
#include "manage/policy_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "manage/control.h"

static const struct {
	const char *name;
	u64 most;		/* value */
} kinds[] = {
	[TG_POLICY_MARK] = { "mark", UINT32_MAX },
	[TG_POLICY_CGROUP] = { "cgroup", INT64_MAX },
	[TG_POLICY_DSCP] = { "dscp", 63 },
	[TG_POLICY_PORT] = { "port", 0xffffff },
};

static const char *const classes[] = { [TG_CLASS_AUTO] = "auto", [TG_CLASS_REALTIME] = "realtime", [TG_CLASS_BULK] = "bulk" };

u32 policy_parse_kind(const char *name)
{
	for (u32 i = 1; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return i;
	return 0;
}

int policy_parse_class(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (!strcmp(classes[i], name))
			return (int)i;
	return -1;
}

/* Which packets. Nothing has mark 0, and no packet port 0: such a policy would never hold. */
static int read_key(const json_t *request, u32 *kind, u64 *value, char *error)
{
	const char *name = control_text(request, "kind");
	json_int_t number;

	*kind = name ? policy_parse_kind(name) : 0;
	if (!*kind) {
		snprintf(error, RUN_ERROR_BYTES, "\"kind\" is mark, cgroup, dscp or port");
		return -EINVAL;
	}
	number = control_number(request, "value", -1, (json_int_t)kinds[*kind].most);
	if (number < 0 || (*kind != TG_POLICY_DSCP && !(*kind == TG_POLICY_PORT ? number & 0xffff : number))) {
		snprintf(error, RUN_ERROR_BYTES, "\"value\" is no %s", name);
		return -EINVAL;
	}
	*value = (u64)number;
	return 0;
}

static int read_wish(const json_t *request, struct policy *p, char *error)
{
	const char *class = control_text(request, "class"), *path = control_text(request, "path");
	const char *text = control_text(request, "text");
	int number = class ? policy_parse_class(class) : TG_CLASS_AUTO;

	if (number < 0 || (path && (!path[0] || strlen(path) >= sizeof(p->path))) || (number == TG_CLASS_AUTO && !path)) {
		snprintf(error, RUN_ERROR_BYTES, "expected \"class\", realtime or bulk, or \"path\", the name of an uplink, or both");
		return -EINVAL;
	}
	p->class = (u8)number;
	snprintf(p->path, sizeof(p->path), "%s", path ? path : "");
	if (text && strlen(text) < sizeof(p->text))
		snprintf(p->text, sizeof(p->text), "%s", text);
	else
		snprintf(p->text, sizeof(p->text), "%llu", (unsigned long long)p->value);
	return 0;
}

int policy_control_add(struct policies *p, const json_t *request, char error[RUN_ERROR_BYTES])
{
	struct policy one = { 0 };
	int err = read_key(request, &one.kind, &one.value, error);

	if (!err)
		err = read_wish(request, &one, error);
	return err ? err : policies_add(p, &one, error);
}

int policy_control_remove(struct policies *p, const json_t *request, char error[RUN_ERROR_BYTES])
{
	u32 kind;
	u64 value;
	int err = read_key(request, &kind, &value, error);

	return err ? err : policies_remove(p, kind, value, error);
}

int policy_control_list(const struct policies *p, json_t *answer)
{
	json_t *list = json_array();

	for (u32 i = 0; i < p->count; i++) {
		const struct policy *one = &p->at[i];

		json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s, s:s}", "kind", kinds[one->kind].name, "value",
						      (json_int_t)one->value, "text", one->text, "class", classes[one->class],
						      "path", one->path));
	}
	if (json_object_set_new(answer, "policies", list))
		return -ENOMEM;
	return json_object_set_new(answer, "possible", json_boolean(policies_possible(p))) ? -ENOMEM : 0;
}
