// SPDX-License-Identifier: MIT
/* timers.c - what is due when: acks, silence, probes, keepalives, key ages, holes in the order
 *
 *            no ack in time, link trouble                 first valid ack
 *   UP ------------------------------------> SUSPECT ---------------------> UP
 *    ^                                          | probes: 5 every 20 ms, 10 every 100 ms, then 1 s
 *    | handshake                                v keys die
 *   CONNECTING <--------------------------------+        link gone (netlink): DOWN, and back to SUSPECT
 */
#include "tunnel/internal.h"

#define PATIENCE_MIN_US (30 * MSEC)	/* below this a scheduling hiccup of either host looks like a dead link */
#define PATIENCE_ALONE 4u		/* no other path is up: nothing is gained by hurrying */
#define TAIL_PACKETS 2u			/* so few unacked packets may simply be lost: ask before judging */
#define BUSY_US SEC			/* the tunnel carries traffic when some came within this time */
#define BUSY_PING_US (100 * MSEC)

static const struct {
	u32 probes;
	u64 pause_us;
} probe_pace[] = { { 5, 20 * MSEC }, { 15, 100 * MSEC }, { UINT32_MAX, SEC } };

static u64 patience_us(const struct path *p)
{
	u64 patience = MAX(rtt_patience_us(&p->rtt, 3 * ack_interval_us(p->rtt.min_us)), PATIENCE_MIN_US);

	return session_best_path(p->session, p) ? patience : patience * PATIENCE_ALONE;
}

/* ---- silence ---- */

void path_suspect(struct path *p, const char *why)
{
	if (p->state != TUNNEL_PATH_UP)
		return;
	sent_give_up(&p->sent);
	p->probes = 0;
	p->next_probe_us = p->tunnel->now_us;
	p->suspect_since_us = p->tunnel->now_us;
	health_failure(&p->health, p->tunnel->now_us);
	path_set_state(p, TUNNEL_PATH_SUSPECT, why);
}

void path_acked(struct path *p, const struct sent_news *news)
{
	u64 now = p->tunnel->now_us;

	if (news->has_rtt) {
		rtt_sample(&p->rtt, news->rtt_us, news->ack_delay_us, now);
		path_update_hold(p->session);
	}
	if (news->rate_bytes)
		rate_sample(&p->rate, news->rate_bytes, news->app_limited, news->round);
	if (!news->acked_packets && !news->late_packets)
		return;
	p->last_ack_us = now;
	p->tail_probed = false;
	p->probes = 0;
	health_success(&p->health, p->sent.loss_ppm, p->rtt.srtt_us, now);
	if (p->state == TUNNEL_PATH_SUSPECT)
		path_set_state(p, TUNNEL_PATH_UP, "answers again");
}

/* When the silence gets too long; TIME_NEVER: nothing is waited for. */
static u64 silence_due_us(const struct path *p)
{
	u64 since;

	if (p->state != TUNNEL_PATH_UP || !p->sent.in_flight_eliciting)
		return TIME_NEVER;
	since = MAX(sent_oldest_us(&p->sent), p->last_ack_us);
	if (p->tail_probed)
		since = MAX(since, p->last_ping_us);
	return since + patience_us(p);
}

static void check_silence(struct path *p)
{
	if (p->tunnel->now_us < silence_due_us(p))
		return;
	if (p->sent.in_flight_eliciting <= TAIL_PACKETS && !p->tail_probed) {
		p->tail_probed = true;
		control_ping(p);
		return;
	}
	path_suspect(p, "no ack in time");
	control_tell_path(p, TG_PATH_SUSPECT);
}

static void probe_suspect(struct path *p)
{
	u32 i = 0;

	if (p->state != TUNNEL_PATH_SUSPECT || p->tunnel->now_us < p->next_probe_us)
		return;
	if (p->probes)
		health_failure(&p->health, p->tunnel->now_us);
	control_ping(p);
	p->probes++;
	while (p->probes > probe_pace[i].probes)
		i++;
	p->next_probe_us = p->tunnel->now_us + probe_pace[i].pause_us;
}

/* ---- idle paths ---- */

static u64 idle_ping_due_us(const struct path *p)
{
	const struct tunnel *t = p->tunnel;
	const struct session *s = p->session;
	u64 last = MAX(p->sent.last_eliciting_us, p->last_ping_us);
	bool busy = t->now_us - s->last_traffic_us < BUSY_US && s->last_traffic_us;

	if (p->state != TUNNEL_PATH_UP || !p->current)
		return TIME_NEVER;
	if (busy && !(p->link_flags & TG_LINK_METERED))
		return last + BUSY_PING_US;
	return t->set.server ? TIME_NEVER : last + t->set.keepalive_us;
}

/* ---- keys ---- */

static bool key_is_dead(const struct path *p, const struct path_key *k)
{
	return k && p->tunnel->now_us - k->born_us >= KEY_LIFE_US;
}

static u64 key_death_us(const struct path_key *k)
{
	return k ? k->born_us + KEY_LIFE_US : TIME_NEVER;
}

/* True when the path went with its last key. */
static bool bury_keys(struct path *p)
{
	struct tunnel *t = p->tunnel;

	if (key_is_dead(p, p->previous)) {
		path_key_free(t, p->previous);
		p->previous = NULL;
	}
	if (!key_is_dead(p, p->current))
		return false;
	if (t->set.server) {
		p->session->paths[p->id] = NULL;
		path_free(p);
		return true;
	}
	path_reset(p);
	if (p->state != TUNNEL_PATH_DOWN)
		path_set_state(p, TUNNEL_PATH_CONNECTING, "its keys died of age");
	return false;
}

/* ---- one path ---- */

void path_tick(struct path *p)
{
	u64 now = p->tunnel->now_us;

	if (bury_keys(p) || !p->current)
		return;
	if (now >= received_due_us(&p->received))
		control_ack(p);
	check_silence(p);
	probe_suspect(p);
	if (now >= idle_ping_due_us(p))
		control_ping(p);
	roam_tick(p);
}

u64 path_due_us(const struct path *p)
{
	u64 due;

	if (!p->current)
		return TIME_NEVER;
	due = MIN(received_due_us(&p->received), silence_due_us(p));
	due = MIN(due, idle_ping_due_us(p));
	due = MIN(due, MIN(key_death_us(p->previous), key_death_us(p->current)));
	due = MIN(due, roam_due_us(p));
	if (p->state == TUNNEL_PATH_SUSPECT)
		due = MIN(due, p->next_probe_us);
	return due;
}

/* ---- one session ---- */

/* How long a hole may wait: the paths' delays differ by half their round trips, and each wobbles. */
void path_update_hold(struct session *s)
{
	u64 slowest = 0, fastest = UINT64_MAX, wobble = 0;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *p = s->paths[i];

		if (!p || p->state != TUNNEL_PATH_UP || !p->rtt.any)
			continue;
		slowest = MAX(slowest, p->rtt.srtt_us);
		fastest = MIN(fastest, p->rtt.srtt_us);
		wobble = MAX(wobble, p->rtt.rttvar_us);
	}
	if (fastest != UINT64_MAX)
		reorder_set_hold(&s->reorder, (slowest - fastest) / 2 + 4 * wobble + 5 * MSEC);
}

void session_tick(struct session *s)
{
	struct tunnel *t = s->tunnel;

	if (t->set.server && t->now_us - s->last_received_us >= t->set.idle_timeout_us) {
		session_end(s, TG_CLOSE_IDLE, NULL);
		return;
	}
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			path_tick(s->paths[i]);
	if (t->now_us >= reorder_due_us(&s->reorder))
		reorder_expire(&s->reorder, &t->deliver, t->now_us);
	session_touch(s);
}

u64 session_due_us(const struct session *s)
{
	u64 due = reorder_due_us(&s->reorder);

	if (s->tunnel->set.server)
		due = MIN(due, s->last_received_us + s->tunnel->set.idle_timeout_us);
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			due = MIN(due, path_due_us(s->paths[i]));
	return due;
}
