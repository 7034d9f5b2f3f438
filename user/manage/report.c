// SPDX-License-Identifier: MIT
/* report.c - snapshots and accounts as JSON */
#include "manage/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "host/links.h"

char *report_id(const u8 id[8], char out[REPORT_ID_BYTES])
{
	for (int i = 0; i < 8; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
	return out;
}

static void put(json_t *to, const char *name, json_t *value)
{
	json_object_set_new(to, name, value);
}

static void put_number(json_t *to, const char *name, u64 value)
{
	put(to, name, json_integer((json_int_t)value));
}

static void put_addr(json_t *to, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT_BYTES];

	put(to, name, a->family ? json_string(addr_format(a, text)) : json_null());
}

/* Inner addresses; with len 0 the bare address. */
static void put_ip(json_t *to, const char *name, u8 family, const u8 *ip, u8 len)
{
	size_t bytes = family == 4 ? 4 : 16;
	struct prefix p = { .family = family, .len = len };
	struct addr a = { .family = family };
	char text[ADDR_TEXT_BYTES];

	if (!has_bytes(ip, bytes)) {
		put(to, name, json_null());
		return;
	}
	memcpy(p.ip, ip, bytes);
	memcpy(a.ip, ip, bytes);
	put(to, name, json_string(len ? prefix_format(&p, text) : addr_format(&a, text)));
}

static void put_prefix(json_t *to, const char *name, const struct prefix *p)
{
	char text[ADDR_TEXT_BYTES];

	put(to, name, p->family ? json_string(prefix_format(p, text)) : json_null());
}

static const char *suite_name(enum tg_suite suite)
{
	return suite == TG_SUITE_AESGCM ? "AES-256-GCM" : suite == TG_SUITE_CHACHAPOLY ? "ChaCha20-Poly1305" : "none";
}

static json_t *report_path(const struct tunnel_path_info *p)
{
	json_t *out = json_object();

	put_number(out, "id", p->id);
	put(out, "uplink", p->name[0] ? json_string(p->name) : json_null());
	put(out, "state", json_string(tunnel_path_state_name(p->state)));
	put(out, "health", json_string(health_name(p->health)));
	put_addr(out, "remote", &p->remote);
	put_addr(out, "local", &p->local);
	put_addr(out, "seen", &p->seen);
	put(out, "kind", json_string(host_kind_name((enum tg_link_kind)p->link_kind)));
	put(out, "metered", json_boolean(p->link_flags & TG_LINK_METERED));
	put(out, "backup", json_boolean(p->link_flags & TG_LINK_BACKUP));
	put_number(out, "weight", p->weight);
	put(out, "rate_limit_bytes_per_second", p->rate_limit ? json_integer((json_int_t)p->rate_limit) : json_null());
	put(out, "quota_left_bytes", p->quota_left == TG_QUOTA_NONE ? json_null() : json_integer((json_int_t)p->quota_left));
	put_number(out, "rtt_us", p->srtt_us);
	put_number(out, "rtt_variation_us", p->rttvar_us);
	put_number(out, "rtt_min_us", p->min_rtt_us);
	put_number(out, "loss_ppm", p->loss_ppm);
	put_number(out, "mtu", p->mtu);
	put_number(out, "rate_bytes_per_second", p->rate_bytes);
	put(out, "rate_measured", json_boolean(p->rate_measured));
	put_number(out, "sent_bytes", p->sent_bytes);
	put_number(out, "sent_packets", p->sent_packets);
	put_number(out, "received_bytes", p->received_bytes);
	put_number(out, "received_packets", p->received_packets);
	put_number(out, "lost_packets", p->lost_packets);
	put_number(out, "in_flight_bytes", p->in_flight_bytes);
	put(out, "phase", json_string(rate_phase_name(p->phase)));
	put_number(out, "pace_bytes_per_second", p->pace_bytes);
	put(out, "window_bytes", p->window_bytes == UINT64_MAX ? json_null() : json_integer((json_int_t)p->window_bytes));
	put_number(out, "queue_us", p->queue_us);
	put_number(out, "jitter_us", p->jitter_us);
	put_number(out, "shares_bottleneck", p->shares_bottleneck);
	put(out, "delay_beyond_us", p->delay_beyond_us == TUNNEL_DELAY_UNKNOWN ? json_null() : json_integer(p->delay_beyond_us));
	put_number(out, "sent_bytes_last_second", p->sent_second);
	put(out, "left_out", json_string(p->left_out));
	put_number(out, "handshakes", p->handshakes);
	return out;
}

static json_t *report_paths(const struct tunnel_path_info *paths, u32 count)
{
	json_t *out = json_array();

	for (u32 i = 0; i < count; i++)
		json_array_append_new(out, report_path(&paths[i]));
	return out;
}

json_t *report_session(const struct tunnel_session_info *s)
{
	char handle[REPORT_ID_BYTES], id[REPORT_ID_BYTES];
	json_t *out = json_object();

	snprintf(handle, sizeof(handle), "%016llx", (unsigned long long)s->handle);
	put(out, "handle", json_string(handle));
	put(out, "anonymous", json_boolean(s->anonymous));
	put(out, "client_id", s->anonymous ? json_null() : json_string(report_id(s->client_id, id)));
	put_ip(out, "ip4", 4, s->ip4, 0);
	put_ip(out, "ip6", 6, s->ip6, 0);
	put(out, "suite", json_string(suite_name(s->suite)));
	put_number(out, "delivered_packets", s->delivered_packets);
	put_number(out, "delivered_bytes", s->delivered_bytes);
	put_number(out, "carried_packets", s->carried_packets);
	put_number(out, "carried_bytes", s->carried_bytes);
	put_number(out, "reorder_held", s->reorder_held);
	put_number(out, "reorder_late", s->reorder_late);
	put_number(out, "reorder_filled", s->reorder_filled);
	put_number(out, "reorder_expired", s->reorder_expired);
	put_number(out, "reorder_copies", s->reorder_copies);
	put_number(out, "queue_age_us", s->queue_age_us);
	put_number(out, "queue_packets", s->queue_packets);
	put_number(out, "queue_bytes", s->queue_bytes);
	put_number(out, "line_packets", s->line_packets);
	put_number(out, "again_packets", s->again_packets);
	put_number(out, "repaired_packets", s->repaired_packets);
	put_number(out, "repaired_bytes", s->repaired_bytes);
	put_number(out, "skipped_packets", s->skipped_packets);
	put_number(out, "copied_packets", s->copied_packets);
	put_number(out, "copied_bytes", s->copied_bytes);
	put_number(out, "guard_shrinks", s->guard_shrinks);
	put_number(out, "stretch_us", s->stretch_us);
	put_number(out, "parity_sent", s->parity_sent);
	put_number(out, "parity_bytes", s->parity_bytes);
	put_number(out, "parity_recovered", s->parity_recovered);
	put_number(out, "halved_packets", s->halved_packets);
	put_number(out, "joined_packets", s->joined_packets);
	return out;
}

static json_t *report_counters(const struct tunnel_counters *c)
{
	json_t *out = json_object();

#define PUT(name, help) put_number(out, #name, c->name);
	TUNNEL_COUNTERS(PUT)
#undef PUT
	return out;
}

static json_t *report_drops(const struct tunnel_counters *c)
{
	json_t *out = json_object();

	for (int i = 0; i < TG_DROP_COUNT; i++)
		put_number(out, tunnel_drop_name((enum tg_drop)i), c->drops[i]);
	return out;
}

static json_t *report_filter(const struct datapath_counts *c)
{
	json_t *out = json_object();

#define COUNTER(name, help) put_number(out, #name, c->counters.name);
	TG_COUNTERS(COUNTER)
#undef COUNTER
	return out;
}

static json_t *report_filter_drops(const struct datapath_counts *c)
{
	json_t *out = json_object();

	for (int i = 0; i < TG_DROP_COUNT; i++)
		if (c->drops[i])
			put_number(out, tunnel_drop_name((enum tg_drop)i), c->drops[i]);
	return out;
}

/* Both null where there is none. */
static void put_filter(json_t *to, const struct filter_snapshot *f)
{
	put(to, "filter", f->loaded ? report_filter(&f->counts) : json_null());
	put(to, "filter_drops", f->loaded ? report_filter_drops(&f->counts) : json_null());
	put(to, "programs_refused", f->refused[0] ? json_string(f->refused) : json_null());
}

static json_t *report_tun(const struct tun_counters *c)
{
	json_t *out = json_object();

#define PUT(name, help) put_number(out, #name, c->name);
	TUN_COUNTERS(PUT)
#undef PUT
	return out;
}

static json_t *report_config(const struct tunnel_config *c)
{
	json_t *out = json_object();

	put_ip(out, "ip4", 4, c->ip4, c->ip4_len);
	put_ip(out, "ip6", 6, c->ip6, c->ip6_len);
	put_ip(out, "server_ip4", 4, c->server_ip4, 0);
	put_ip(out, "server_ip6", 6, c->server_ip6, 0);
	put_number(out, "mtu_bytes", c->mtu);
	put_addr(out, "seen", &c->seen);
	return out;
}

static json_t *report_xdp(const struct xsk_counters *x)
{
	json_t *out = json_object();

	put_number(out, "sent_frames", x->sent);
	put_number(out, "received_frames", x->received);
	put_number(out, "drop_no_frame", x->no_frame);
	put_number(out, "drop_ring_full", x->ring_full);
	put_number(out, "drop_unusable", x->unusable);
	put_number(out, "drop_kernel", x->kernel_full);
	return out;
}

static bool is_over(const struct tunnel_path_info *p, const struct uplink_snapshot *u)
{
	char by_tcp[TUNNEL_NAME_BYTES];

	snprintf(by_tcp, sizeof(by_tcp), SNAPSHOT_TCP_PATH, u->name);
	return !strcmp(p->name, u->name) || !strcmp(p->name, by_tcp);
}

static json_t *report_uplink(const struct uplink_snapshot *u, const struct client_snapshot *s)
{
	json_t *out = json_object(), *paths = json_array();

	put(out, "name", json_string(u->name));
	put(out, "present", json_boolean(u->ifindex));
	put(out, "usable", json_boolean(u->usable));
	put(out, "configured", json_boolean(u->configured));
	put(out, "kind", json_string(host_kind_name(u->kind)));
	put(out, "xdp", json_string(datapath_mode_name(u->xdp)));
	put(out, "tcp", json_boolean(u->tcp));
	put(out, "datapath", json_string(u->datapath));
	put(out, "datapath_why", u->datapath_why[0] ? json_string(u->datapath_why) : json_null());
	if (strcmp(u->datapath, "udp"))
		put(out, "af_xdp", report_xdp(&u->xsk));
	put_number(out, "weight", u->weight);
	put(out, "metered", json_boolean(u->flags & TG_LINK_METERED));
	put(out, "backup", json_boolean(u->flags & TG_LINK_BACKUP));
	put(out, "rate_limit_bytes_per_second", u->rate ? json_integer((json_int_t)u->rate) : json_null());
	put(out, "quota_bytes", u->quota ? json_integer((json_int_t)u->quota) : json_null());
	put(out, "quota_used_bytes", u->quota ? json_integer((json_int_t)u->quota_used) : json_null());
	put_addr(out, "local", &u->local);
	for (u32 i = 0; i < s->path_count; i++)
		if (is_over(&s->paths[i], u))
			json_array_append_new(paths, report_path(&s->paths[i]));
	put(out, "paths", paths);
	return out;
}

json_t *report_uplinks(const struct client_snapshot *s)
{
	json_t *out = json_array();

	for (u32 i = 0; i < s->uplink_count; i++)
		json_array_append_new(out, report_uplink(&s->uplinks[i], s));
	return out;
}

static void put_sending(json_t *to, const struct run_sending *s)
{
	put(to, "strategy", json_string(sched_strategy_name(s->strategy)));
	put(to, "aggregation", json_string(sched_aggregation_name(s->aggregation)));
	put(to, "congestion", json_string(rate_control_name(s->congestion)));
	put(to, "copies", json_boolean(!s->no_copies));
}

json_t *report_client(const struct client_snapshot *s)
{
	json_t *out = json_object();

	put(out, "role", json_string("client"));
	put(out, "version", json_string(TG_VERSION));
	put(out, "name", json_string(s->name));
	put(out, "tun", json_string(s->tun_name));
	put(out, "state", json_string(client_state_name(s->state)));
	put_number(out, "state_us", s->state_us);
	put_number(out, "uptime_us", s->uptime_us);
	put_number(out, "connected_us", s->connected_us);
	put_sending(out, &s->sending);
	put(out, "full_tunnel", json_boolean(s->full_tunnel));
	put(out, "kill_switch", json_boolean(s->kill_switch));
	put(out, "kill_switch_wanted", json_boolean(s->kill_switch_wanted));
	put_addr(out, "server", &s->server);
	put(out, "config", s->has_config ? report_config(&s->config) : json_null());
	put(out, "session", s->has_session ? report_session(&s->session) : json_null());
	put(out, "paths", report_paths(s->paths, s->path_count));
	put(out, "uplinks", report_uplinks(s));
	put(out, "counters", report_counters(&s->counters));
	put(out, "drops", report_drops(&s->counters));
	put_filter(out, &s->filter);
	put(out, "tun_counters", report_tun(&s->tun));
	return out;
}

static json_t *report_server_xdp(const struct server_snapshot *s)
{
	json_t *out = json_array();

	for (u32 i = 0; i < s->xdp_count; i++) {
		json_t *one = json_object();

		put(one, "name", json_string(s->xdp[i].name));
		put(one, "datapath", json_string(s->xdp[i].datapath));
		put_number(one, "queues", s->xdp[i].queues);
		if (s->xdp[i].queues)
			put(one, "af_xdp", report_xdp(&s->xdp[i].xsk));
		json_array_append_new(out, one);
	}
	return out;
}

static json_t *report_handover(const struct handover_counters *c)
{
	json_t *out = json_object();

	put_number(out, "given", c->given);
	put_number(out, "taken", c->taken);
	put_number(out, "drop_full", c->full);
	return out;
}

/* null: this daemon has none, or cannot tell. */
static json_t *report_firewall(bool has, const struct host_nft_drops *d)
{
	json_t *out = has ? json_object() : json_null();

#define PUT(name, help) put_number(out, #name, d->name);
	if (has) {
		HOST_NFT_DROPS(PUT)
	}
#undef PUT
	return out;
}

json_t *report_counts(const struct daemon_counts *c)
{
	json_t *out = json_object();

	put(out, "counters", report_counters(&c->counters));
	put(out, "drops", report_drops(&c->counters));
	put_filter(out, &c->filter);
	put(out, "tun_counters", report_tun(&c->tun));
	if (c->has_xsk)
		put(out, "af_xdp", report_xdp(&c->xsk));
	if (c->has_handover)
		put(out, "handover", report_handover(&c->handover));
	put(out, "firewall_drops", report_firewall(c->has_firewall, &c->firewall));
	return out;
}

static json_t *report_server_session(const struct tunnel_session_info *info, u64 now_us, struct accounts *accounts)
{
	json_t *out = report_session(info);
	struct account account;

	if (accounts && !info->anonymous && !accounts_find(accounts, info->client_id, &account, NULL))
		put(out, "client", json_string(account.name));
	else
		put(out, "client", json_null());
	put_number(out, "connected_us", now_us - MIN(now_us, info->opened_us));
	put(out, "paths", report_paths(info->paths, info->path_count));
	return out;
}

json_t *report_server(const struct server_snapshot *s, struct accounts *accounts)
{
	json_t *out = json_object(), *listen = json_array(), *sessions = json_array();
	char text[ADDR_TEXT_BYTES];

	for (u32 i = 0; i < s->listen_count; i++)
		json_array_append_new(listen, json_string(addr_format(&s->listen[i], text)));
	for (u32 i = 0; i < s->session_count; i++)
		json_array_append_new(sessions, report_server_session(&s->sessions[i], s->now_us, accounts));
	put(out, "role", json_string("server"));
	put(out, "version", json_string(TG_VERSION));
	put(out, "name", json_string(s->name));
	put(out, "tun", json_string(s->tun_name));
	put_number(out, "uptime_us", s->uptime_us);
	put(out, "listen", listen);
	put(out, "open", json_boolean(s->open));
	put(out, "tcp", json_boolean(s->tcp));
	put_sending(out, &s->sending);
	put_prefix(out, "pool4", &s->pool4);
	put_prefix(out, "pool6", &s->pool6);
	put_number(out, "workers", s->worker_count);
	put(out, "interfaces", report_server_xdp(s));
	put(out, "handover", report_handover(&s->counts.handover));
	if (s->with_firewall)
		put(out, "firewall_drops", report_firewall(s->counts.has_firewall, &s->counts.firewall));
	put(out, "sessions", sessions);
	put(out, "counters", report_counters(&s->counts.counters));
	put(out, "drops", report_drops(&s->counts.counters));
	put_filter(out, &s->counts.filter);
	put(out, "tun_counters", report_tun(&s->counts.tun));
	return out;
}

json_t *report_account(const struct account *account)
{
	char id[REPORT_ID_BYTES];
	json_t *out = json_object();

	put(out, "name", json_string(account->name));
	put(out, "id", json_string(report_id(account->id, id)));
	put(out, "revoked", json_boolean(account->revoked));
	put_number(out, "created_s", account->created_s);
	put(out, "seen_s", account->seen_s ? json_integer((json_int_t)account->seen_s) : json_null());
	put_number(out, "sent_bytes", account->sent_bytes);
	put_number(out, "received_bytes", account->received_bytes);
	put_ip(out, "ip4", 4, account->ip4, 0);
	put_ip(out, "ip6", 6, account->ip6, 0);
	return out;
}

json_t *report_accounts(struct accounts *accounts)
{
	struct account *list;
	int n = accounts_list(accounts, &list);
	json_t *out = json_array();

	if (n < 0) {
		json_decref(out);
		return NULL;
	}
	for (int i = 0; i < n; i++)
		json_array_append_new(out, report_account(&list[i]));
	free(list);
	return out;
}
