// SPDX-License-Identifier: MIT
/* why.c - the worker that has a flow's session tells why it travels as it does; the kernel, whether it comes into the tunnel */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "host/bypass.h"
#include "host/nft.h"
#include "host/way.h"
#include "run/client_parts.h"
#include "run/server_parts.h"

struct why_job {
	const struct tg_flow *flow;
	struct tunnel_why *out;
	int err;
};

static void ask(struct worker *w, void *arg)
{
	struct why_job *job = arg;

	job->err = tunnel_why(worker_tunnel(w), job->flow, worker_hash_key(w), job->out, worker_now(w));
}

int client_why(struct client *c, const struct tg_flow *flow, struct tunnel_why *out)
{
	struct why_job job = { .flow = flow, .out = out };

	worker_call(c->worker, ask, &job);
	return job.err;
}

int server_why(struct server *s, const struct tg_flow *flow, struct tunnel_why *out)
{
	struct why_job job = { .flow = flow, .out = out, .err = -ENOENT };

	for (u32 i = 0; job.err && i < s->worker_count; i++)
		worker_call(s->workers[i], ask, &job);
	return job.err;
}

/* ---- into the tunnel, or not ---- */

static struct addr end_of(u8 family, const u8 *ip)
{
	static const u8 nobody[16];
	struct addr out = { .family = memcmp(ip, nobody, sizeof(nobody)) ? family : 0 };

	memcpy(out.ip, ip, sizeof(out.ip));
	return out;
}

static bool is_for_port(const struct policy *p, u8 protocol, u16 port)
{
	u32 of = (u32)(p->value >> 16);

	return port && p->kind == TG_POLICY_PORT && (p->value & 0xffff) == port && (!of || !protocol || of == protocol);
}

/* In the firewall's order, as far as a flow's ports tell: those of the far end first. NULL: no policy is for them. */
static const struct policy *policy_of_ports(const struct policies *p, const struct tg_flow *flow)
{
	u16 ports[] = { flow->dport, flow->sport };

	for (size_t k = 0; k < ARRAY_SIZE(ports); k++)
		for (u32 i = 0; i < p->count; i++)
			if (is_for_port(&p->at[i], flow->protocol, ports[k]))
				return &p->at[i];
	return NULL;
}

static const struct policy *policy_of_slot(const struct policies *p, int slot)
{
	for (u32 i = 0; slot > 0 && i < p->count; i++)
		if (p->at[i].class == TG_CLASS_BYPASS && p->at[i].slot == (u32)slot)
			return &p->at[i];
	return NULL;
}

/* A connection stays where it began, so what conntrack knows of it counts; else what would become of a new one. */
static void look_for_bypass(struct client *c, const struct tg_flow *flow, struct run_way *out)
{
	static const char *const kinds[] = {
		[TG_POLICY_MARK] = "mark", [TG_POLICY_CGROUP] = "cgroup", [TG_POLICY_DSCP] = "dscp", [TG_POLICY_PORT] = "port",
	};
	int slot = flow->sport && flow->dport && flow->protocol ? host_bypass_slot(c->host, flow) : -ENOENT;
	const struct policy *p = slot >= 0 ? policy_of_slot(&c->policies, slot) : policy_of_ports(&c->policies, flow);

	if (slot <= 0 && (!p || p->class != TG_CLASS_BYPASS))
		return;
	out->outside = true;
	out->policy_is_of_connection = slot > 0;
	if (p && p->kind < ARRAY_SIZE(kinds) && kinds[p->kind])
		snprintf(out->policy, sizeof(out->policy), "%s %.50s", kinds[p->kind], p->text);
	else
		snprintf(out->policy, sizeof(out->policy), "one that is gone");
}

/* The server's end of the tunnel, and other clients: no network behind it. */
static bool is_inside(const struct client *c, const struct addr *to)
{
	struct prefix p = { .family = to->family, .len = to->family == 4 ? c->config.ip4_len : c->config.ip6_len };

	memcpy(p.ip, to->family == 4 ? c->config.ip4 : c->config.ip6, to->family == 4 ? 4 : 16);
	return c->has_config && prefix_contains(&p, to->family, to->ip);
}

void client_way(struct client *c, const struct tg_flow *flow, struct run_way *out)
{
	struct addr from = end_of(flow->family, flow->src), to = end_of(flow->family, flow->dst);
	u32 ifindex;

	*out = (struct run_way){ .known = true };
	if (c->policies.bypassing)
		look_for_bypass(c, flow, out);
	/* The inner address of who asked before he was let by is masqueraded; it is no source for that way. */
	if (out->outside)
		from.family = 0;
	if (!host_way_of(c->host, &from, &to, out->outside ? host_mark(c->host) : 0, &ifindex))
		if_indextoname(ifindex, out->device);
	out->outside |= strcmp(out->device, c->tun_name) != 0;
	out->to_private = !out->outside && host_nft_is_private(&to) && !is_inside(c, &to);
}

static bool is_allowed(const struct server *s, const struct addr *to)
{
	bool allowed = prefix_contains(&s->set.pool4, to->family, to->ip) || prefix_contains(&s->set.pool6, to->family, to->ip);

	for (u32 i = 0; i < s->set.allow.count; i++)
		allowed |= prefix_contains(&s->set.allow.at[i], to->family, to->ip);
	return allowed;
}

/* A flow stands as its packets leave this end, or as they come: either end may be the one outside. */
void server_way(struct server *s, const struct tg_flow *flow, struct run_way *out)
{
	struct addr from = end_of(flow->family, flow->src), to = end_of(flow->family, flow->dst);

	*out = (struct run_way){ 0 };
	out->to_private = (host_nft_is_private(&to) && !is_allowed(s, &to)) || (from.family && host_nft_is_private(&from) && !is_allowed(s, &from));
}
