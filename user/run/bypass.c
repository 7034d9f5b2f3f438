// SPDX-License-Identifier: MIT
/* bypass.c - policies that keep packets out of the tunnel: from the list into the firewall */
#define LOG_AREA LOG_AREA_DATAPATH

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/bypass.h"
#include "host/routes.h"
#include "run/instance.h"
#include "run/policy.h"

static bool has_bypass(const struct policies *p)
{
	for (u32 i = 0; i < p->count; i++)
		if (p->at[i].class == TG_CLASS_BYPASS)
			return true;
	return false;
}

u32 bypass_free_slot(const struct policies *p)
{
	for (u32 slot = 1; slot <= HOST_BYPASS_SLOTS; slot++) {
		bool taken = false;

		for (u32 i = 0; i < p->count; i++)
			taken |= p->at[i].class == TG_CLASS_BYPASS && p->at[i].slot == slot;
		if (!taken)
			return slot;
	}
	return 0;
}

void bypass_forget(struct policies *p, u32 slot)
{
	if (slot && p->host)
		host_bypass_forget(p->host, slot);
}

/* A folder that is not there, or is another by now, would make nft refuse all of it. */
static bool is_there(const struct policy *one)
{
	u64 id;

	return one->kind != TG_POLICY_CGROUP || (!host_cgroup_find(one->text, &id) && id == one->value);
}

/* The other policies, too: one that counts first keeps its packets inside. */
static u32 list_all(const struct policies *p, struct host_bypass out[POLICIES_MAX])
{
	u32 count = 0;

	for (u32 i = 0; i < p->count; i++) {
		const struct policy *one = &p->at[i];

		if (!is_there(one))
			continue;
		out[count++] = (struct host_bypass){
			.kind = one->kind,
			.value = one->value,
			.cgroup = one->text,
			.slot = one->class == TG_CLASS_BYPASS ? one->slot : 0,
		};
	}
	return count;
}

static int say_why_not(const char *why, int err, char *error)
{
	return run_say(error, err, "the firewall does not take the bypass: %.200s", why[0] ? why : strerror(-err));
}

int bypass_put(struct policies *p, char error[RUN_ERROR_BYTES])
{
	struct host_bypass all[POLICIES_MAX];
	struct host_bypass_set set = { .tun = p->tun, .inner4 = p->inner4, .inner6 = p->inner6, .at = all };
	char why[HOST_WHY_BYTES] = "";
	int err;

	if (!has_bypass(p)) {
		if (p->bypassing)
			host_bypass_remove(p->host);
		p->bypassing = false;
		return 0;
	}
	if (!p->host)
		return run_say(error, -EINVAL, "a server lets nothing by: what goes into the tunnel is the client's to say");
	set.count = list_all(p, all);
	err = host_bypass_put(p->host, &set, why);
	if (err)
		return say_why_not(why, err, error);
	if (!p->bypassing && host_routes_loosen(p->host))
		log_warn("rp_filter cannot be loosened: answers to what is let by the tunnel may be dropped");
	p->bypassing = true;
	return 0;
}
