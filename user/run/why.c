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

/* Of a new connection its ports alone are known here. Could a policy of another kind decide otherwise than they do (`let_by`)? Those by mark and
 * cgroup come before the ports, whatever they say; those by DSCP behind them. */
static bool others_decide(const struct policies *p, bool by_ports, bool let_by)
{
	for (u32 i = 0; i < p->count; i++) {
		bool before = p->at[i].kind == TG_POLICY_MARK || p->at[i].kind == TG_POLICY_CGROUP;

		if ((before || (!by_ports && p->at[i].kind == TG_POLICY_DSCP)) && (p->at[i].class == TG_CLASS_BYPASS) != let_by)
			return true;
	}
	return false;
}

static void name_policy(const struct policy *p, struct run_way *out)
{
	static const char *const kinds[] = {
		[TG_POLICY_MARK] = "mark", [TG_POLICY_CGROUP] = "cgroup", [TG_POLICY_DSCP] = "dscp", [TG_POLICY_PORT] = "port",
	};

	if (p && p->kind < ARRAY_SIZE(kinds) && kinds[p->kind])
		snprintf(out->policy, sizeof(out->policy), "%s %.50s", kinds[p->kind], p->text);
	else
		snprintf(out->policy, sizeof(out->policy), "one that is gone");
}

/* A connection stays where it began, so what conntrack knows of it counts; else what would become of a new one. True: it is let by. */
static bool look_for_bypass(struct client *c, const struct tg_flow *flow, struct run_way *out)
{
	int slot = flow->sport && flow->dport && flow->protocol ? host_bypass_slot(c->host, flow) : -ENOENT;
	const struct policy *p = slot >= 0 ? policy_of_slot(&c->policies, slot) : policy_of_ports(&c->policies, flow);
	bool let_by = slot > 0 || (slot < 0 && p && p->class == TG_CLASS_BYPASS);

	out->policy_is_of_connection = slot > 0;
	out->depends = slot < 0 && others_decide(&c->policies, p != NULL, let_by);
	if (let_by)
		name_policy(p, out);
	return let_by;
}

/* In the client's own network: the server's end of the tunnel, other clients; none that lies behind it. */
static bool is_inside(const struct client *c, const struct addr *to)
{
	struct prefix p = { .family = to->family, .len = to->family == 4 ? c->config.ip4_len : c->config.ip6_len };

	memcpy(p.ip, to->family == 4 ? c->config.ip4 : c->config.ip6, to->family == 4 ? 4 : 16);
	return c->has_config && p.len && prefix_contains(&p, to->family, to->ip);
}

static bool is_inner(const struct client *c, const struct tg_flow *f, const u8 *ip)
{
	bool four = f->family == 4;

	return c->has_config && (four ? c->config.ip4_len : c->config.ip6_len) && !memcmp(ip, four ? c->config.ip4 : c->config.ip6, four ? 4 : 16);
}

/* A packet of this host has a source of this host. Another's is forwarded, and comes in where its answers go out; one that nobody here could
 * have sent is asked for without its source. */
static int ask_route(struct client *c, const struct addr *from, const struct addr *to, struct host_way *out)
{
	struct host_way_ask ask = { .to = *to }, back = { .to = *from };
	struct host_way behind;
	char device[IF_NAMESIZE];

	if (from->family && !host_way_of(c->host, &back, &behind)) {
		bool forwarded = !behind.is_local && if_indextoname(behind.ifindex, device) && strcmp(device, c->tun_name);

		if (behind.is_local || forwarded)
			ask.from = *from;
		if (forwarded)
			ask.iif = behind.ifindex;
	}
	return host_way_of(c->host, &ask, out);
}

/* What was let by has the tunnel's mark. Its source is no help: it got the inner address before it was, and will be masqueraded. */
static int ask_marked_route(struct client *c, const struct addr *to, struct host_way *out)
{
	struct host_way_ask ask = { .to = *to, .mark = host_mark(c->host) };

	return host_way_of(c->host, &ask, out);
}

/* A flow stands as its packets leave this end, or, as the engine takes it as well, as they come. */
void client_way(struct client *c, const struct tg_flow *flow, struct run_way *out)
{
	struct tg_flow f = is_inner(c, flow, flow->dst) ? tg_flow_turned(flow) : *flow;
	struct addr from = end_of(f.family, f.src), to = end_of(f.family, f.dst);
	struct host_way way;
	bool let_by;
	int err;

	*out = (struct run_way){ 0 };
	if (!to.family)
		return;
	let_by = c->policies.bypassing && look_for_bypass(c, &f, out);
	err = let_by ? ask_marked_route(c, &to, &way) : ask_route(c, &from, &to, &way);
	out->known = !err || host_way_is_refusal(err);
	if (!err)
		if_indextoname(way.ifindex, out->device);
	out->outside = out->known && (let_by || strcmp(out->device, c->tun_name));
	out->depends &= out->known && out->outside == let_by;	/* routes that lead elsewhere lead there without a bypass, too */
	out->to_private = out->known && !out->outside && host_nft_is_private(&to) && !is_inside(c, &to);
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
