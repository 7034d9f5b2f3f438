// SPDX-License-Identifier: MIT
/* policy.c - what the user wants of some packets: kept by the daemon, put into the classifier's map */
#define LOG_AREA LOG_AREA_DATAPATH

#include "run/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <triglav/flow.h>

#include "base/log.h"
#include "run/instance.h"
#include "run/worker.h"

struct look_for {
	const char *name;
	u8 id;
};

/* An uplink may have two paths, UDP and TCP: the one that is up. */
static void find_path(struct worker *w, void *arg)
{
	struct tunnel_path_info paths[TG_MAX_PATHS];
	u32 count = tunnel_paths(worker_tunnel(w), paths, TG_MAX_PATHS, worker_now(w));
	struct look_for *look = arg;

	for (u32 i = 0; i < count; i++)
		if (!strcmp(paths[i].name, look->name) && (look->id == TG_PATH_NONE || paths[i].state == TUNNEL_PATH_UP))
			look->id = paths[i].id;
}

static u8 path_of(const struct policies *p, const char *name)
{
	struct look_for look = { .name = name, .id = TG_PATH_NONE };

	if (name[0] && p->worker)
		worker_call(p->worker, find_path, &look);
	return look.id;
}

/* The keys of a policy in the map: two for a port of either protocol. */
static u32 keys_of(u32 kind, u64 value, struct tg_policy_key keys[2])
{
	keys[0] = keys[1] = (struct tg_policy_key){ .kind = kind, .value = value };
	if (kind != TG_POLICY_PORT || value >> 16)
		return 1;
	keys[0].value |= TG_PROTO_TCP << 16;
	keys[1].value |= TG_PROTO_UDP << 16;
	return 2;
}

/* A port of one protocol counts before that port of both, in whichever order they came: the latter leaves the former's key alone. */
static bool has_own(const struct policies *p, const struct policy *general, const struct tg_policy_key *key)
{
	for (u32 i = 0; i < p->count; i++)
		if (p->at[i].kind == general->kind && p->at[i].value != general->value && p->at[i].value == key->value)
			return true;
	return false;
}

static int put(struct policies *p, const struct policy *one)
{
	struct tg_policy wanted = { .class = one->class, .path = path_of(p, one->path) };
	struct tg_policy_key keys[2];
	u32 count = keys_of(one->kind, one->value, keys);
	int err = 0;

	for (u32 i = 0; i < count && !err; i++)
		if (!has_own(p, one, &keys[i]))
			err = datapath_put_policy(p->datapath, &keys[i], &wanted);
	return err;
}

static struct policy *find(struct policies *p, u32 kind, u64 value)
{
	for (u32 i = 0; i < p->count; i++)
		if (p->at[i].kind == kind && p->at[i].value == value)
			return &p->at[i];
	return NULL;
}

bool policies_possible(const struct policies *p)
{
	return p->datapath && datapath_lane_program(p->datapath, DATAPATH_TUNNEL_OUT) >= 0;
}

int policies_add(struct policies *p, const struct policy *one, char error[RUN_ERROR_BYTES])
{
	struct policy *at = find(p, one->kind, one->value);
	int err;

	if (!policies_possible(p))
		return run_say(error, -ENOTSUP, "there is no classifier on the tunnel device: --no-lanes, or the kernel refused (see the log)");
	if (one->path[0] && !p->worker)
		return run_say(error, -EINVAL, "a server's paths have no names: only class realtime or bulk");
	if (!at && p->count == POLICIES_MAX)
		return run_say(error, -ENOSPC, "there are %u policies already; remove one first", POLICIES_MAX);
	err = put(p, one);
	if (err)
		return run_say(error, err, "the map of policies does not take it: %s", strerror(-err));
	*(at ? at : &p->at[p->count++]) = *one;
	return 0;
}

int policies_remove(struct policies *p, u32 kind, u64 value, char error[RUN_ERROR_BYTES])
{
	struct policy *at = find(p, kind, value);
	struct tg_policy_key keys[2];
	u32 count = keys_of(kind, value, keys);

	if (!at)
		return run_say(error, -ENOENT, "there is no such policy (see: triglav-ctl policy list)");
	*at = p->at[--p->count];
	for (u32 i = 0; i < count; i++)
		(void)datapath_remove_policy(p->datapath, &keys[i]);
	/* A port for both protocols and one of them may have had a policy each. */
	for (u32 i = 0; i < p->count; i++)
		(void)put(p, &p->at[i]);
	return 0;
}

void policies_refresh(struct policies *p)
{
	for (u32 i = 0; i < p->count; i++)
		if (p->at[i].path[0] && put(p, &p->at[i]))
			log_warn("policy %s: its path cannot be changed", p->at[i].text);
}
