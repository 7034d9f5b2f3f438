// SPDX-License-Identifier: MIT
/* filter_control.c - the control socket's commands about the XDP filter, of client and server alike */
#include "manage/filter_control.h"

#include <errno.h>
#include <string.h>

#include "manage/control.h"
#include "run/instance.h"

static int read_mode(const json_t *request, enum datapath_mode *mode, char *error)
{
	const char *name = control_text(request, "mode");
	int number = name ? datapath_parse_mode(name) : DATAPATH_AUTO;

	if (number <= DATAPATH_OFF)
		return run_say(error, -EINVAL, "\"mode\" is auto, native or generic");
	*mode = (enum datapath_mode)number;
	return 0;
}

static json_t *place(const struct filter_place *p)
{
	return json_pack("{s:s, s:s, s:b, s:s}", "uplink", p->name, "mode", datapath_mode_name(p->mode), "changed",
			 !p->was_so && !p->why[0], "why", p->why);
}

int filter_control(filter_change change, void *ctx, bool attach, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	enum datapath_mode mode = DATAPATH_OFF;
	const char *where = control_text(request, "uplink");
	struct filter_changes done;
	json_t *list;
	int err = attach ? read_mode(request, &mode, error) : 0;

	if (!err && where && (!where[0] || strlen(where) >= TUNNEL_NAME_BYTES))
		err = run_say(error, -EINVAL, "\"uplink\" is the name of an interface");
	if (!err)
		err = change(ctx, where, mode, &done, error);
	if (err)
		return err;
	list = json_array();
	for (u32 i = 0; i < done.count; i++)
		json_array_append_new(list, place(&done.at[i]));
	return json_object_set_new(answer, "filter", list) ? -ENOMEM : 0;
}
