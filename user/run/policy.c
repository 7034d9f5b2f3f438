// SPDX-License-Identifier: MIT
/* policy.c - what the user wants of some packets: kept by the daemon, put where it takes effect */
#define LOG_AREA LOG_AREA_DATAPATH

#include "run/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <triglav/flow.h>

#include "base/log.h"
#include "host/bypass.h"
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

bool policies_possible(const struct policies *p)
{
	return p->datapath && datapath_classifies(p->datapath);
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

/* What the user wants of a packet that gets here: a bypass does not. A cgroup without folder has no id yet. */
static int put_or_not(struct policies *p, const struct policy *one)
{
	bool classified = one->class != TG_CLASS_BYPASS && (one->kind != TG_POLICY_CGROUP || one->value);

	return classified && policies_possible(p) ? put(p, one) : 0;
}

static void take_out(struct policies *p, const struct policy *one)
{
	struct tg_policy_key keys[2];
	u32 count = keys_of(one->kind, one->value, keys);

	if (one->class == TG_CLASS_BYPASS || !policies_possible(p))
		return;
	for (u32 i = 0; i < count; i++)
		(void)datapath_remove_policy(p->datapath, &keys[i]);
	/* A port for both protocols and one of them may have had a policy each. */
	for (u32 i = 0; i < p->count; i++)
		(void)put_or_not(p, &p->at[i]);
}

bool policy_same_packets(const struct policy *a, const struct policy *b)
{
	return a->kind == b->kind && (a->kind == TG_POLICY_CGROUP ? !strcmp(a->text, b->text) : a->value == b->value);
}

static struct policy *find(struct policies *p, const struct policy *one)
{
	for (u32 i = 0; i < p->count; i++)
		if (policy_same_packets(&p->at[i], one))
			return &p->at[i];
	return NULL;
}

/* ---- one comes, one goes ---- */

/* Who asked sees it; the firewall needs the daemon to. */
static bool is_unseen(const struct policy *one)
{
	u64 id;

	return one->class == TG_CLASS_BYPASS && one->kind == TG_POLICY_CGROUP && one->value && host_cgroup_find(one->text, &id);
}

static int check(const struct policies *p, const struct policy *one, const struct policy *before, char *error)
{
	bool bypass = one->class == TG_CLASS_BYPASS;

	if (!bypass && !policies_possible(p))
		return run_say(error, -ENOTSUP, "there is no classifier on the tunnel device: --no-lanes, or the kernel refused (see the log)");
	if (one->path[0] && !p->worker)
		return run_say(error, -EINVAL, "a server's paths have no names: only class realtime or bulk");
	if (!before && p->count == POLICIES_MAX)
		return run_say(error, -ENOSPC, "there are %u policies already; remove one first", POLICIES_MAX);
	if (bypass && !(before && before->slot) && !bypass_free_slot(p))
		return run_say(error, -ENOSPC, "no more can be let by: remove a policy with bypass first");
	if (is_unseen(one))
		return run_say(error, -ENOENT, "the daemon does not see the cgroup %.160s: is it in another mount namespace?", one->text);
	return 0;
}

/* `at` has the new one, where `before` was (kind 0: nobody). Nothing is between the old and the new: what comes is put down before the other
 * goes. */
static int replace(struct policies *p, struct policy *at, const struct policy *before, char *error)
{
	int err = put_or_not(p, at);

	if (err)
		return run_say(error, err, "the map of policies does not take it: %s", strerror(-err));
	err = bypass_put(p, error);
	if (err)
		return err;
	if (before->kind && (at->class == TG_CLASS_BYPASS || before->value != at->value))
		take_out(p, before);
	if (before->slot && at->class != TG_CLASS_BYPASS)
		bypass_forget(p, before->slot);
	return 0;
}

int policies_add(struct policies *p, const struct policy *one, char error[RUN_ERROR_BYTES])
{
	struct policy *at = find(p, one), before = { 0 }, failed;
	int err = check(p, one, at, error);

	if (err)
		return err;
	if (at)
		before = *at;
	else
		at = &p->at[p->count++];
	*at = *one;
	at->slot = one->class != TG_CLASS_BYPASS ? 0 : before.slot ? before.slot : (u8)bypass_free_slot(p);
	err = replace(p, at, &before, error);
	if (!err)
		return 0;
	failed = *at;
	if (before.kind)
		*at = before;
	else
		p->count--;
	take_out(p, &failed);
	return err;
}

int policies_remove(struct policies *p, const struct policy *one, char error[RUN_ERROR_BYTES])
{
	struct policy *at = find(p, one), gone;
	char why[RUN_ERROR_BYTES];

	if (!at)
		return run_say(error, -ENOENT, "there is no such policy (see: triglav-ctl policy list)");
	gone = *at;
	*at = p->at[--p->count];
	take_out(p, &gone);
	if (bypass_put(p, why))
		log_warn("policy %s: %s", gone.text, why);
	bypass_forget(p, gone.slot);
	return 0;
}

/* ---- many ---- */

static const struct policy *find_in(const struct policy_list *list, const struct policy *one)
{
	for (u32 i = 0; list && i < list->count; i++)
		if (policy_same_packets(&list->at[i], one))
			return &list->at[i];
	return NULL;
}

static bool same_wish(const struct policy *a, const struct policy *b)
{
	return a && a->class == b->class && !strcmp(a->path, b->path);
}

int policies_change(struct policies *p, const struct policy_list *was, const struct policy_list *is, char error[RUN_ERROR_BYTES])
{
	int err, first = 0;

	for (u32 i = 0; i < is->count; i++) {
		char why[RUN_ERROR_BYTES];

		err = same_wish(find_in(was, &is->at[i]), &is->at[i]) ? 0 : policies_add(p, &is->at[i], why);
		if (!err)
			continue;
		log_warn("policy %s: %s", is->at[i].text, why);
		if (!first)
			first = run_say(error, err, "policy %.100s: %.120s", is->at[i].text, why);
	}
	for (u32 i = 0; was && i < was->count; i++)
		if (!find_in(is, &was->at[i]))
			(void)policies_remove(p, &was->at[i], (char[RUN_ERROR_BYTES]){ 0 });
	return first;
}

/* ---- what they mean may be another ---- */

void policies_refresh(struct policies *p)
{
	for (u32 i = 0; i < p->count; i++)
		if (p->at[i].path[0] && put_or_not(p, &p->at[i]))
			log_warn("policy %s: its path cannot be changed", p->at[i].text);
}

static void put_bypass_again(struct policies *p)
{
	char why[RUN_ERROR_BYTES];

	if (p->bypassing && bypass_put(p, why))
		log_warn("%s (the old ones stay)", why);
}

void policies_addresses(struct policies *p, const struct addr *inner4, const struct addr *inner6)
{
	bool same = !memcmp(&p->inner4, inner4, sizeof(*inner4)) && !memcmp(&p->inner6, inner6, sizeof(*inner6));

	p->inner4 = *inner4;
	p->inner6 = *inner6;
	if (!same)
		put_bypass_again(p);
}

/* True: its folder has another id now. A folder that is gone keeps its old one, which nothing else will ever have. */
static bool follow_cgroup(struct policies *p, struct policy *one)
{
	struct policy before = *one;
	u64 id;

	if (one->kind != TG_POLICY_CGROUP || host_cgroup_find(one->text, &id) || id == one->value)
		return false;
	one->value = id;
	if (put_or_not(p, one))
		log_warn("policy %s: the map does not take its new cgroup", one->text);
	take_out(p, &before);
	log_info("policy %s: the cgroup is there%s", one->text, before.value ? ", made anew" : " now");
	return true;
}

void policies_tick(struct policies *p)
{
	bool moved = false;

	for (u32 i = 0; i < p->count; i++)
		moved |= follow_cgroup(p, &p->at[i]);
	if (moved)
		put_bypass_again(p);
}
