// SPDX-License-Identifier: MIT
/* why_report.c - the control socket's command "why" */
#include "manage/why_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "manage/control.h"
#include "manage/flow_text.h"
#include "manage/report.h"

static const char *wanted_name(enum sched_tier tier)
{
	static const char *const names[] = { "good", "metered", "backup", "spent", "suspect", "out" };

	return tier < ARRAY_SIZE(names) ? names[tier] : "?";
}

static json_t *number(u64 value)
{
	return json_integer((json_int_t)value);
}

static json_t *report_why_path(const struct tunnel_why_path *p)
{
	json_t *out = json_object();

	json_object_set_new(out, "id", number(p->id));
	json_object_set_new(out, "uplink", p->name[0] ? json_string(p->name) : json_null());
	json_object_set_new(out, "state", json_string(tunnel_path_state_name(p->state)));
	json_object_set_new(out, "wanted", json_string(wanted_name(p->tier)));
	json_object_set_new(out, "left_out", json_string(p->left_out));
	json_object_set_new(out, "rate_bytes_per_second", number(p->rate_bytes));
	json_object_set_new(out, "rate_measured", json_boolean(p->rate_measured));
	json_object_set_new(out, "pace_bytes_per_second", number(p->pace_bytes));
	json_object_set_new(out, "in_flight_bytes", number(p->in_flight_bytes));
	json_object_set_new(out, "window_bytes", p->window_bytes == UINT64_MAX ? json_null() : number(p->window_bytes));
	json_object_set_new(out, "queue_us", number(p->queue_us));
	json_object_set_new(out, "jitter_us", number(p->jitter_us));
	json_object_set_new(out, "loss_ppm", number(p->loss_ppm));
	json_object_set_new(out, "ready", p->usable ? json_boolean(p->ready) : json_null());
	json_object_set_new(out, "wait_us", p->usable ? number(p->wait_us) : json_null());
	json_object_set_new(out, "delay_us", p->usable ? number(p->delay_us) : json_null());
	json_object_set_new(out, "arrival_us", p->usable ? number(p->arrival_us) : json_null());
	json_object_set_new(out, "sampled_packets", number(p->samples));
	return out;
}

static json_t *path_id(const struct tunnel_why *w, int index)
{
	return index < 0 ? json_null() : number(w->paths[index].id);
}

static const char *class_name(const struct tunnel_why *w)
{
	return !w->seen ? "unseen" : w->bulk ? "bulk" : "sparse";
}

static json_t *report_why(const struct flow_wish *flow, const struct tunnel_why *w, bool whole)
{
	json_t *out = json_object(), *paths = json_array(), *session = report_session(&w->session);
	char text[FLOW_TEXT_BYTES];

	json_object_set_new(out, "flow", json_string(flow_format(flow, text)));
	json_object_set_new(out, "whole", json_boolean(whole));
	json_object_set_new(out, "class", whole ? json_string(class_name(w)) : json_null());
	json_object_set_new(out, "slot", whole ? number(w->slot) : json_null());
	json_object_set_new(out, "numbered_packets", whole ? number(w->numbered) : json_null());
	json_object_set_new(out, "waiting_packets", whole ? number(w->waiting_packets) : json_null());
	json_object_set_new(out, "waiting_bytes", whole ? number(w->waiting_bytes) : json_null());
	json_object_set_new(out, "idle_us", whole && w->seen ? number(w->idle_us) : json_null());
	json_object_set_new(out, "strategy", json_string(sched_strategy_name(w->strategy)));
	json_object_set_new(out, "aggregation", json_string(sched_aggregation_name(w->aggregation)));
	json_object_set_new(out, "straight", json_boolean(w->straight));
	json_object_set_new(out, "striped", json_boolean(w->stripe));
	json_object_set_new(out, "ordered", json_boolean(w->ordered));
	json_object_set_new(out, "pinned", json_boolean(w->pinned));
	json_object_set_new(out, "sparse_path", path_id(w, w->sparse_path));
	json_object_set_new(out, "copy_path", path_id(w, w->copy_path));
	json_object_set_new(out, "bulk_path", path_id(w, w->bulk_path));
	json_object_set_new(out, "sampled_us", number(w->sampled_us));
	for (u32 i = 0; i < w->path_count; i++)
		json_array_append_new(paths, report_why_path(&w->paths[i]));
	json_object_set_new(out, "paths", paths);
	json_object_set_new(out, "session", session);
	return out;
}

static json_t *report_way(const struct run_way *w)
{
	json_t *out = json_object();

	json_object_set_new(out, "outside", w->known && !w->depends ? json_boolean(w->outside) : json_null());
	json_object_set_new(out, "depends", json_boolean(w->depends));
	json_object_set_new(out, "device", w->device[0] ? json_string(w->device) : json_null());
	json_object_set_new(out, "policy", w->policy[0] ? json_string(w->policy) : json_null());
	json_object_set_new(out, "policy_is_of_connection", json_boolean(w->policy_is_of_connection));
	json_object_set_new(out, "to_private", json_boolean(w->to_private));
	return out;
}

static int add(why_asker ask, why_way way, void *daemon, const struct flow_wish *flow, json_t *flows)
{
	struct run_way where = { 0 };
	json_t *one;
	struct tunnel_why *w = calloc(1, sizeof(*w));
	struct tg_flow asked;
	int err = -ENOMEM;

	if (w) {
		flow_of_wish(flow, &asked);
		err = ask(daemon, &asked, w);
	}
	if (!err) {
		way(daemon, &asked, &where);
		one = report_why(flow, w, flow_is_whole(flow));
		json_object_set_new(one, "way", report_way(&where));
		json_array_append_new(flows, one);
	}
	free(w);
	return err;
}

int why_answer(why_asker ask, why_way way, void *daemon, bool own_sockets, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *text = control_text(request, "flow");
	struct flow_wish wish, found[WHY_FLOWS] = { 0 };
	json_t *flows = json_array();
	u32 count = 0;
	int err = text ? flow_parse(text, &wish) : -EINVAL;

	json_object_set_new(answer, "flows", flows);
	if (err) {
		snprintf(error, RUN_ERROR_BYTES, "expected " FLOW_EXPECTS);
		return -EINVAL;
	}
	if (own_sockets && !flow_is_whole(&wish))
		count = flow_find(&wish, found, WHY_FLOWS);
	if (!count)
		found[count++] = wish;
	for (u32 i = 0; !err && i < count; i++)
		err = add(ask, way, daemon, &found[i], flows);
	if (err == -ENOENT)
		snprintf(error, RUN_ERROR_BYTES, "no session carries such a flow now: neither end is an inner address of one");
	return err;
}
