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
#define PATIENCE_ALONE 4u		/* no other path is heard: nothing is gained by hurrying */
#define HEARD_LATELY_US (20 * MSEC)
#define TAIL_PACKETS 2u			/* so few unacked packets may simply be lost: ask before judging */
#define BUSY_US SEC			/* the tunnel carries traffic when some came within this time */
#define BUSY_PING_US (100 * MSEC)
#define LOSSY_PING_US (20 * MSEC)	/* left out for its loss: is it over? */
#define ACK_BYTES 120u
#define ACK_INTERVAL_MOST_US (25 * MSEC)
#define ACK_DETOURS 4u
#define PARDONS_MOST 1u			/* times the patience is doubled: a needless repair costs less than a late one */
#define PARDON_FADE_US (10 * SEC)
#define SILENCE_MARGIN_US (6 * MSEC)
#define QUEUE_INTERVAL_US (10 * MSEC)	/* a queue that stands for less is a batch */
#define SILENCE_TELLINGS 3u		/* each after twice the time */
#define TELLING_US (25 * MSEC)		/* until the third */
#define GAP_LEAST_US (6 * MSEC)		/* between batches of data, before the sender is told that nothing comes */
#define GAP_MOST_US (50 * MSEC)		/* traffic with larger pauses says nothing by one */
#define HOLD_SLACK_US (10 * MSEC)
#define REPAIR_LATE_US (8 * MSEC)	/* acks wait for more, and repairs for their turn */

static const struct {
	u32 probes;
	u64 pause_us;
} probe_pace[] = { { 5, 20 * MSEC }, { 15, 100 * MSEC }, { UINT32_MAX, SEC } };

/* Something came by another path lately. If not, it is the peer or this host that rests, and no path is to blame. */
static bool peer_is_heard_elsewhere(const struct path *p, u64 within_us)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *other = p->session->paths[i];

		if (other && other != p && other->state == TUNNEL_PATH_UP && other->last_received_us + within_us > p->tunnel->now_us)
			return true;
	}
	return false;
}

/* The peer tells of a silence by its best other path, which may be farther: what it says is certain, what we think a guess. And
 * when that one dies, acks of ours have to come by ourselves, and take so much longer. */
static u64 telling_takes_us(const struct path *p)
{
	const struct path *other = session_best_path(p->session, p);
	u32 own_us = p->rtt.min_us, others_us = other && other->rtt.any ? other->rtt.min_us : own_us;

	return TELLING_US + MAX(own_us, others_us) - MIN(own_us, others_us);
}

static u64 patience_us(const struct path *p)
{
	u64 patience = MAX(rtt_patience_us(&p->rtt, 3 * ack_interval_us(p->rtt.min_us)), PATIENCE_MIN_US);

	if (p->rate.phase == RATE_OPEN)		/* what we send may be more than it carries, and then acks wait behind it */
		patience *= 2;
	patience <<= p->pardons;
	if (!peer_is_heard_elsewhere(p, MAX(patience / 2, HEARD_LATELY_US)))
		patience *= PATIENCE_ALONE;
	return patience + (p->sent.in_flight_eliciting > TAIL_PACKETS ? telling_takes_us(p) : 0);
}

/* How long packets of this path wait for an ack: so long that acks take no more than half a percent of what they travel on. */
static void update_ack_interval(struct path *p)
{
	const struct path *over = session_best_path(p->session, NULL);
	u64 interval_us = ack_interval_us(p->rtt.min_us);

	if (over && over->rate.measured && over->rate.phase != RATE_OPEN)
		interval_us = MAX(interval_us, ACK_BYTES * 200 * SEC / rate_estimate(&over->rate));
	p->ack_interval_us = MIN(interval_us, ACK_INTERVAL_MOST_US);
}

/* ---- silence ---- */

/* What it had on its way goes elsewhere at once. `told_us`: what left so long after the newest acked one may still have come;
 * TIME_NEVER: any of it may have. */
static void suspect(struct path *p, const char *why, bool guessed, u64 told_us)
{
	struct buf_queue again = { 0 };
	u32 unsure;

	p->silence_guessed &= guessed;		/* once it is known it stays so */
	if (p->state != TUNNEL_PATH_UP)
		return;
	p->given_up = p->sent.in_flight_eliciting;
	p->came_late = 0;
	unsure = told_us == TIME_NEVER ? 0 : sent_kept_within(&p->sent, told_us);
	sent_give_up(&p->sent, &again);
	path_set_state(p, TUNNEL_PATH_SUSPECT, why);
	p->silence_guessed = guessed;
	if (told_us != TIME_NEVER)
		tell_senders(p, &again, unsure);
	repair_lost(p->session, &again);
	p->probes = 0;
	p->next_probe_us = p->tunnel->now_us;
	p->suspect_since_us = p->tunnel->now_us;
	health_failure(&p->health, p->tunnel->now_us);
}

void path_suspect(struct path *p, const char *why)
{
	suspect(p, why, false, TIME_NEVER);
}

void path_doubt(struct path *p, const char *why)
{
	suspect(p, why, true, TIME_NEVER);
}

/* With that came the last ack there is. If the newest it has was fresh, more was on its way. */
void path_told_silent(struct path *p)
{
	bool fresh = p->ack_age_us <= SILENCE_MARGIN_US + 4 * p->delay.jitter_us;

	suspect(p, "the peer hears nothing on it", false, fresh ? p->ack_age_us + p->rtt.min_us / 2 + 4 * p->delay.jitter_us : 0);
}

static bool other_is_probed(const struct path *p)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *other = p->session->paths[i];

		if (other && other != p && other->state == TUNNEL_PATH_UP && rate_is_probing(&other->rate, p->tunnel->now_us))
			return true;
	}
	return false;
}

static void tell_rate(struct path *p, const struct sent_news *news)
{
	struct rate_news told = {
		.sample = news->rate_bytes,
		.app_limited = news->app_limited,
		.round = news->round,
		.acked_packets = news->acked_packets,
		.lost_packets = news->lost_packets,
		.acked_bytes = news->acked_bytes,
		.queue_us = delay_queue_us(&p->delay),
		.straight = !p->pace,
		.rtt_us = p->rtt.srtt_us,
		.min_rtt_us = p->rtt.min_us,
		.in_flight = p->sent.in_flight_bytes,
		.jitter_us = p->delay.jitter_us,
		.may_probe = session_waits_for_path(p->session) && !other_is_probed(p),
	};

	rate_acked(&p->rate, &told, p->tunnel->now_us);
}

/* The peer said when it sent the ack, by its clock: what should have come by then and had not? The first packet after the newest it
 * has takes what that one took: nothing of ours is between them. */
static bool peer_hears_nothing(const struct path *p, const struct ack *a)
{
	u64 left_us = sent_after_acked_us(&p->sent);
	u32 margin_us = (4 * p->delay.jitter_us + (u32)SILENCE_MARGIN_US) << p->pardons;

	if (p->state != TUNNEL_PATH_UP || !p->delay.any || left_us == TIME_NEVER || a->largest != p->sent.largest_acked)
		return false;
	return (s32)(a->arrival + a->delay_us - ((u32)left_us + p->delay.latest_us + margin_us)) > 0;
}

/* What was on its way came after all: the path was not silent, we were too impatient. */
static void pardon(struct path *p)
{
	if (p->tunnel->now_us - p->pardoned_us > PARDON_FADE_US)
		p->pardons = 0;
	p->pardons = MIN(p->pardons + 1, PARDONS_MOST);
	p->pardoned_us = p->tunnel->now_us;
}

static bool most_came_late(const struct path *p)
{
	return 2 * p->came_late > p->given_up;
}

/* Acks may still tell, by another path, what came before the silence. Taken for a sign of life, that would send on the dead path, first
 * of all, what has just been sent again elsewhere. Where we only guessed, most of what was on its way is a sign: of a path that died
 * only that comes late which was on the way when acks stopped, less than half of what can be out a round trip and a patience later. */
static bool is_older_than_silence(const struct path *p, const struct sent_news *news)
{
	if (p->state != TUNNEL_PATH_SUSPECT || (p->silence_guessed && most_came_late(p)))
		return false;
	return !news->has_rtt || p->tunnel->now_us - news->rtt_us < p->suspect_since_us;
}

/* Some of what was given up may have come before the silence. */
static bool was_no_silence(const struct path *p, const struct sent_news *news)
{
	return p->silence_guessed ? news->late_packets : most_came_late(p);
}

static void path_answers(struct path *p, bool late)
{
	u64 now = p->tunnel->now_us;

	p->last_ack_us = now;
	p->tail_probed = false;
	p->probes = 0;
	health_success(&p->health, p->sent.loss_ppm, p->rtt.srtt_us, now);
	if (p->state != TUNNEL_PATH_SUSPECT)
		return;
	if (late)
		pardon(p);
	else
		rate_restart(&p->rate, now);
	path_set_state(p, TUNNEL_PATH_UP, "answers again");
}

/* Acks may come by any path, and with the path the round trip changes. One by another than usual is no sample; several
 * are a new usual, and what was measured by the old one is forgotten. */
static bool came_as_usual(struct path *p, const struct path *by)
{
	if (by->id == p->ack_route) {
		p->ack_detours = 0;
		return true;
	}
	if (p->rtt.any && ++p->ack_detours < ACK_DETOURS)
		return false;
	p->ack_route = by->id;
	p->ack_detours = 0;
	p->rtt.any = false;
	return true;
}

void path_acked(struct path *p, const struct path *by, const struct ack *a, struct sent_news *news)
{
	u64 now = p->tunnel->now_us;

	second_note(&p->sent_second, p->sent_bytes, now);
	if (a->largest == p->sent.largest_acked)
		p->ack_age_us = a->delay_us;
	if (news->has_rtt) {
		if (came_as_usual(p, by))
			rtt_sample(&p->rtt, news->rtt_us, news->ack_delay_us, now);
		delay_sample(&p->delay, news->delay_us, MAX(p->rtt.min_us, (u32)QUEUE_INTERVAL_US), now);
		path_update_hold(p->session);
	}
	sent_lose_older(&p->sent, (u64)MAX(p->rtt.srtt_us, p->rtt.latest_us) * 9 / 8 + MSEC, news);
	tell_rate(p, news);
	bundle_acked(p, a, news);
	repair_lost(p->session, &news->lost);
	mtu_acked(p, news);
	parity_tune(p);
	if (news->acked_packets || news->late_packets) {
		p->came_late += news->late_packets;
		if (!is_older_than_silence(p, news))
			path_answers(p, was_no_silence(p, news));
	} else if (peer_hears_nothing(p, a) && session_best_path(p->session, p)) {
		suspect(p, "the peer hears nothing on it", false, 0);
		control_tell_path(p, TG_PATH_SUSPECT);
	}
}

/* When the silence gets too long; TIME_NEVER: nothing is waited for. */
static u64 silence_due_us(const struct path *p)
{
	u64 since;

	if (p->state != TUNNEL_PATH_UP || !p->sent.in_flight_eliciting)
		return TIME_NEVER;
	since = sent_after_acked_us(&p->sent);
	if (since == TIME_NEVER)
		since = MAX(sent_oldest_us(&p->sent), p->last_ack_us);
	if (p->tail_probed)
		since = MAX(since, p->last_ping_us);
	return since + patience_us(p);
}

/* Few may simply be lost. And copies that the peer's filter has dropped are acked when something comes behind them. */
static bool is_asked_first(const struct path *p)
{
	return p->sent.in_flight_eliciting <= TAIL_PACKETS || p->session->sched.strategy == SCHED_REDUNDANT;
}

static void check_silence(struct path *p)
{
	if (p->tunnel->now_us < silence_due_us(p))
		return;
	if (is_asked_first(p) && !p->tail_probed) {
		p->tail_probed = true;
		control_ping(p);
		return;
	}
	path_doubt(p, "no ack in time");
	control_tell_path(p, TG_PATH_SUSPECT);
}

static bool is_busy(const struct path *p)
{
	const struct session *s = p->session;

	return s->last_traffic_us && p->tunnel->now_us - s->last_traffic_us < BUSY_US;
}

/* While the tunnel carries traffic: who would use the path should not wait for it. Not where each byte costs. */
static bool is_pinged_often(const struct path *p)
{
	return is_busy(p) && !(p->link_flags & TG_LINK_METERED) && !limits_spent(p);
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
	p->next_probe_us = p->tunnel->now_us + (is_pinged_often(p) ? MIN(probe_pace[i].pause_us, BUSY_PING_US) : probe_pace[i].pause_us);
}

/* ---- data that stopped coming ---- */

static u64 data_gap_due_us(const struct path *p)
{
	if (p->silence_told >= SILENCE_TELLINGS || !p->gap_us || p->gap_us > GAP_MOST_US)
		return TIME_NEVER;
	return p->data_us + (MAX(4 * p->gap_us, (u32)GAP_LEAST_US) << p->silence_told);
}

/* The filter has dropped a copy behind the last packet that came up: data may have gone on, out of our sight. */
static bool filter_saw_more(const struct path *p)
{
	const struct tg_skips *skips = p->session->skips;

	return skips && tg_skip_has(&skips->paths[p->id], (u32)p->largest_received + 1);
}

static void check_data_gap(struct path *p)
{
	if (p->tunnel->now_us < data_gap_due_us(p))
		return;
	if (filter_saw_more(p)) {
		p->silence_told = SILENCE_TELLINGS;
		return;
	}
	p->silence_told++;
	control_tell_silence(p);
}

/* ---- idle paths ---- */

static u64 idle_ping_due_us(const struct path *p)
{
	const struct tunnel *t = p->tunnel;
	u64 last = MAX(p->sent.last_eliciting_us, p->last_ping_us);

	if (p->state != TUNNEL_PATH_UP || !p->current)
		return TIME_NEVER;
	if (is_busy(p) && p->session->sched.exclusion[p->id] == SCHED_TOO_LOSSY)
		return last + (is_pinged_often(p) ? LOSSY_PING_US : SEC);
	if (is_pinged_often(p))
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
	update_ack_interval(p);
	path_say_tick(p);
	if (now >= received_due_us(&p->received))
		control_ack(p);
	check_silence(p);
	check_data_gap(p);
	probe_suspect(p);
	if (now >= idle_ping_due_us(p))
		control_ping(p);
	limits_tick(p);
	mtu_tick(p);
	parity_tick(p);
	roam_tick(p);
}

u64 path_due_us(const struct path *p)
{
	u64 due;

	if (!p->current)
		return TIME_NEVER;
	due = MIN(received_due_us(&p->received), silence_due_us(p));
	due = MIN(due, MIN(data_gap_due_us(p), p->say_us));
	due = MIN(due, idle_ping_due_us(p));
	due = MIN(due, MIN(key_death_us(p->previous), key_death_us(p->current)));
	due = MIN(due, MIN(roam_due_us(p), limits_due_us(p)));
	due = MIN(due, MIN(mtu_due_us(p), parity_end_us(p)));
	if (p->state == TUNNEL_PATH_SUSPECT)
		due = MIN(due, p->next_probe_us);
	return due;
}

/* ---- one session ---- */

/* How long a hole may wait: what the slowest path takes beyond the fastest, their wobble, and two round trips on the fastest: one
 * for what was lost to be told and sent again, one more in case that was lost, too. */
void path_update_hold(struct session *s)
{
	const struct path *fast = session_best_path(s, NULL);
	s32 most = 0, least = 0, beyond;
	u32 wobble = 0;
	const struct path *first = NULL;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *p = s->paths[i];

		if (!p || !p->arrival.any || p->state == TUNNEL_PATH_DOWN)
			continue;
		first = first ? first : p;
		/* Stamps know 22 bits of time: paths that began in different rounds of them differ by whole rounds. */
		beyond = (s32)((u32)delay_beyond(&p->arrival, &first->arrival) << 10) >> 10;
		most = MAX(most, beyond);
		least = MIN(least, beyond);
		wobble = MAX(wobble, p->arrival.jitter_us);
	}
	if (fast && fast->rtt.any)
		reorder_set_hold(&s->reorder, (u64)(most - least) + 4 * wobble + 2 * (fast->rtt.srtt_us + REPAIR_LATE_US) + HOLD_SLACK_US);
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
		reorder_expire(&s->reorder, halves_out(s), t->now_us);
	halves_join(s);
	halves_tick(s);
	repair_tail(s);
	queue_shrink(&s->queue, t->now_us);
	session_touch(s);
}

u64 session_due_us(const struct session *s)
{
	u64 due = MIN(reorder_due_us(&s->reorder), MIN(s->pump_due_us, repair_tail_due_us(s)));

	due = MIN(due, halves_due_us(s));
	if (s->tunnel->set.server)
		due = MIN(due, s->last_received_us + s->tunnel->set.idle_timeout_us);
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			due = MIN(due, path_due_us(s->paths[i]));
	return due;
}
