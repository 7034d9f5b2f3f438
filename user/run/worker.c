// SPDX-License-Identifier: MIT
/* worker.c - the data plane: one thread, one event loop, one engine
 *
 * A turn: wait for events or the engine's next deadline, read the clock once, move packets
 * in bounded batches (so that the tunnel device and the sockets take turns), tick the engine,
 * then do what must not happen further down the stack: report send errors, close
 * broken connections, watch or ignore the tunnel device.
 */
#include "run/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/datapath.h"
#include "run/worker_parts.h"

#define EVENTS_PER_TURN 32
#define PACKETS_PER_TURN 160u		/* from the tunnel device, in super-packets or singly: some runs for UDP_SEGMENT */
#define RUNS_PER_READ 64
#define CLIENT_LINKS 64u
#define SERVER_LINKS 4160u		/* accepted TCP connections, mostly */
#define ACCEPTED_MAX 4096u
#define RING_WAIT_US 200	/* between two tries to have a device take what is in its ring */
#define BEAT_US (250 * MSEC)		/* the filter takes us for dead after TG_HEARTBEAT_NS */
#define SWEEP_US (5 * SEC)		/* how often strangers and long silent connections are looked for */

/* ---- the parts of a turn ---- */

static void tun_is_lost(struct worker *w, int err)
{
	struct run_event *e = mailbox_event(&w->mail, EVENT_TUN_LOST);

	w->tun_lost = true;
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->inside->fd, NULL);
	if (w->inside_fast)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->inside_fast->fd, NULL);
	if (!e)
		return;
	e->error = -err;
	mailbox_post(&w->mail, e);
}

/* What the user wants of flows, if anything, was left by the classifier under their hashes. */
static void send_in(struct worker *w, struct buf_queue *packets)
{
	if (!packets->count)
		return;
	if (w->lanes && datapath_has_policies(w->lanes))
		for (struct buf *b = packets->head; b; b = b->next) {
			union tg_wish wish = datapath_wish(w->lanes, b->flow_hash);

			b->wanted_class = wish.class;
			b->wanted_path = wish.path < TG_MAX_PATHS ? wish.path + 1 : 0;
		}
	tunnel_send(w->tunnel, packets, w->now);
}

/* Reads a queue until it is empty or this many packets are there. The last port_read()'s answer. */
static int read_lane(struct worker *w, struct port *p, struct buf_queue *packets)
{
	int n = 1;

	while (n > 0 && packets->count < PACKETS_PER_TURN)
		n = port_read(p, w->pool, packets);
	return n;
}

static void after_reading(struct worker *w, int n)
{
	if (n < 0 && n != -EAGAIN && n != -EINTR && n != -ENOBUFS && n != -ENOMEM && !w->tun_lost)
		tun_is_lost(w, n);
}

static void mark_lane(struct buf_queue *packets, bool interactive)
{
	for (struct buf *b = packets->head; b; b = b->next) {
		b->ahead = interactive;
		b->by_bulk = !interactive;
	}
}

static void read_fast(struct worker *w)
{
	struct buf_queue packets = { 0 };
	int n = read_lane(w, w->inside_fast, &packets);

	mark_lane(&packets, true);
	send_in(w, &packets);
	after_reading(w, n);
}

/* The interactive lane is read last and sent first: a flow that has become bulk has its earlier packets there, and all that came before what was just read
 * is there by now. Once is enough, as an empty read costs as much as a packet. */
static void read_both(struct worker *w)
{
	struct buf_queue fast = { 0 }, packets = { 0 };
	int n = read_lane(w, w->inside, &packets);
	int fast_n = read_lane(w, w->inside_fast, &fast);

	mark_lane(&fast, true);
	mark_lane(&packets, false);
	send_in(w, &fast);
	send_in(w, &packets);
	after_reading(w, n);
	after_reading(w, fast_n);
}

static void read_tun(struct worker *w)
{
	struct buf_queue packets = { 0 };
	int n;

	if (w->inside_fast) {
		read_both(w);
		return;
	}
	n = read_lane(w, w->inside, &packets);
	send_in(w, &packets);
	after_reading(w, n);
}

static void read_xsk(struct worker *w, struct link *k)
{
	struct datagrams runs[XSK_MAX_RUNS];
	int error = 0;
	u32 n = xsk_receive(k->xsk, runs, XSK_MAX_RUNS, &error);
	u32 unusable = xsk_take_unusable(k->xsk);

	if (unusable)
		tunnel_count_drop(w->tunnel, TG_DROP_SHORT, unusable);
	if (n)
		tunnel_receive(w->tunnel, runs, n, w->now);
	worker_note_trouble(w, k, error);
}

static void read_tcp(struct worker *w, struct link *k)
{
	struct datagrams runs[RUNS_PER_READ];
	int error = 0;
	u32 n;

	/* What was read and not handed out yet wakes nobody. */
	do {
		n = tcp_receive(k->tcp, runs, RUNS_PER_READ, &error);
		if (n)
			tunnel_receive(w->tunnel, runs, n, w->now);
	} while (n == RUNS_PER_READ && !k->broken);
	if (error && error != EAGAIN)
		links_mark_broken(&w->links, k, error);
}

static void close_quietest(struct worker *w)
{
	struct link *k = links_quietest(&w->links);

	if (k)
		links_release(&w->links, k);
}

static void accept_tcp(struct worker *w, struct link *listener)
{
	struct link *k;
	struct addr remote;
	struct tcp *c;

	k = links_reserve(&w->links);
	if (!k)
		return;
	if (tcp_accept(listener->listener, k->number, &c)) {
		links_release(&w->links, k);
		return;
	}
	tcp_remote(c, &remote);
	if (links_crowded(&w->links, &remote)) {
		tcp_close(c);
		links_release(&w->links, k);
		return;
	}
	if (w->links.accepted >= ACCEPTED_MAX)
		close_quietest(w);
	links_accepted(&w->links, k, &remote, w->now);
	if (links_put_tcp(&w->links, k, c, false))
		links_release(&w->links, k);
}

static void continue_tcp(struct worker *w, struct link *k)
{
	bool was_connecting = k->connecting;
	struct run_event *e;

	links_writable(&w->links, k);
	if (!was_connecting || k->connecting || k->broken)
		return;
	e = mailbox_event(&w->mail, EVENT_LINK_UP);
	if (!e)
		return;
	e->link = k->number;
	mailbox_post(&w->mail, e);
}

static void handle_tcp(struct worker *w, struct link *k, u32 events)
{
	if (!k->tcp || k->broken)
		return;
	if (k->connecting || events & EPOLLOUT)
		continue_tcp(w, k);
	if (!k->broken && !k->connecting && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_tcp(w, k);
}

static void handle(struct worker *w, const struct epoll_event *ev)
{
	struct link *k = links_find(&w->links, (u32)ev->data.u64);

	switch ((enum watch_kind)(ev->data.u64 >> 32)) {
	case WATCH_TUN:
		if (!w->tun_lost)
			read_tun(w);
		break;
	case WATCH_TUN_FAST:
		if (!w->tun_lost)
			read_fast(w);
		break;
	case WATCH_CALLS:
		mailbox_answer(&w->mail);
		break;
	case WATCH_UDP:
		if (k && k->udp)
			worker_read_udp(w, k);
		break;
	case WATCH_AHEAD:
		if (k && k->ahead)
			worker_read_ahead(w, k);
		break;
	case WATCH_XSK:
		if (k && k->xsk && !k->xsk_gone)
			read_xsk(w, k);
		break;
	case WATCH_TCP:
		if (k)
			handle_tcp(w, k, ev->events);
		break;
	case WATCH_LISTENER:
		if (k && k->listener)
			accept_tcp(w, k);
		break;
	case WATCH_PORT:
		worker_read_port(w, (u32)ev->data.u64);
		break;
	case WATCH_HANDOVER:
		worker_read_handover(w);
		break;
	}
}

/* What the engine sends in answer may fail on the same links again; that is not news within this turn. */
static void report_troubles(struct worker *w)
{
	for (u32 i = 0; i < w->trouble_count; i++)
		tunnel_link_trouble(w->tunnel, w->troubles[i].link, w->troubles[i].error, w->now);
	w->trouble_count = 0;
}

static void close_broken_link(struct worker *w, struct link *k)
{
	u32 number = k->number;
	struct run_event *e = k->accepted ? NULL : mailbox_event(&w->mail, EVENT_LINK_LOST);
	int error = k->error;

	if (e) {
		e->link = number;
		e->error = error;
		mailbox_post(&w->mail, e);
	}
	if (k->accepted) {
		links_release(&w->links, k);
	} else {
		tcp_close(k->tcp);
		k->tcp = NULL;
		k->broken = k->connecting = false;
	}
	tunnel_link_trouble(w->tunnel, number, error, w->now);
}

static void close_broken(struct worker *w)
{
	if (!w->links.some_broken)
		return;
	w->links.some_broken = false;
	for (u32 i = 0; i < w->links.max; i++) {
		if (w->links.at[i].xsk_gone)
			links_drop_xsk(&w->links.at[i]);
		if (w->links.at[i].number && w->links.at[i].broken)
			close_broken_link(w, &w->links.at[i]);
	}
}

static void close_silent(struct worker *w)
{
	if (!w->links.accepted || w->now < w->sweep_us)
		return;
	w->sweep_us = w->now + SWEEP_US;
	links_release_silent(&w->links, w->now);
}

/* With few buffers left inner packets wait in the device's queue, where TCP feels it. */
static void watch_tun(struct worker *w)
{
	bool want = buf_pool_left(w->pool) >= w->buffers_low;

	if (want == w->tun_watched || w->tun_lost)
		return;
	w->tun_watched = want;
	watch_change(w->epoll, w->inside->fd, WATCH_TUN, 0, want ? EPOLLIN : 0);
	if (w->inside_fast)
		watch_change(w->epoll, w->inside_fast->fd, WATCH_TUN_FAST, 0, want ? EPOLLIN : 0);
}

/* The filter judges only while it hears of us: who is stuck gets all packets, and so does the kernel. */
static void beat(struct worker *w)
{
	struct datapath *d = w->datapath ? w->datapath : w->lanes;
	struct tg_weights weights;

	if (!d)
		return;
	if (w->datapath)
		datapath_beat(w->datapath, w->number, w->now);
	if (w->now < w->beat_us)
		return;
	w->beat_us = w->now + BEAT_US;
	datapath_set_suspended(d);
	if (!w->server && tunnel_weights(w->tunnel, &weights, w->now))
		datapath_publish(d, &weights);
}

static u64 due_us(const struct worker *w)
{
	u64 due = tunnel_due_us(w->tunnel);

	if (w->links.accepted)
		due = MIN(due, w->sweep_us);
	if (w->links.some_wait || w->ports_wait || w->inside->waits)
		due = MIN(due, w->now + RING_WAIT_US);
	if (w->datapath)
		due = MIN(due, w->beat_us);
	return due;
}

static void flush_ports(struct worker *w)
{
	ports_flush(w->ports);
	w->ports_wait = ports_wait(w->ports);
}

static int wait_for_events(struct worker *w, struct epoll_event *events)
{
	u64 due = w->waiting_count ? 0 : due_us(w), now, wait = 0;
	struct timespec timeout;

	if (due == TIME_NEVER)
		return epoll_wait(w->epoll, events, EVENTS_PER_TURN, -1);
	now = w->now;
	if (due > now) {
		now = clock_now_us();	/* the turn took time; nanosecond timeouts are worth being exact for */
		wait = due > now ? due - now : 0;
	}
	timeout.tv_sec = (time_t)(wait / SEC);
	timeout.tv_nsec = (long)(wait % SEC) * 1000;
	return epoll_pwait2(w->epoll, events, EVENTS_PER_TURN, &timeout, NULL);
}

static void turn(struct worker *w)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = wait_for_events(w, events);

	w->now = clock_now_us();
	beat(w);
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 >> 32 == WATCH_AHEAD)
			handle(w, &events[i]);
	for (int i = 0; i < n && !w->stopping; i++)
		if (events[i].data.u64 >> 32 != WATCH_AHEAD)
			handle(w, &events[i]);
	if (w->stopping)
		return;
	worker_end_waiting(w);
	if (w->now >= tunnel_due_us(w->tunnel))
		tunnel_tick(w->tunnel, w->now);
	if (w->links.some_wait)
		links_flush(&w->links);
	port_flush(w->inside);
	if (w->ports_wait)
		flush_ports(w);
	if (w->handover)
		handover_wake(w->handover, w->number);
	report_troubles(w);
	close_broken(w);
	ports_close_gone(w->ports);
	close_silent(w);
	watch_tun(w);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	while (!w->stopping)
		turn(w);
	if (w->datapath)
		datapath_beat(w->datapath, w->number, 0);
	mailbox_close(&w->mail);
	return NULL;
}

/* ---- start and end ---- */

static int start_thread(struct worker *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);	/* signals belong to the control thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->started = !err;
	return -err;
}

static int watch_own(struct worker *w, const struct worker_settings *set)
{
	int err = watch_add(w->epoll, w->mail.call_fd, WATCH_CALLS, 0, EPOLLIN);

	if (!err)
		err = watch_add(w->epoll, set->inside->fd, WATCH_TUN, 0, EPOLLIN);
	if (!err && set->inside_fast)
		err = watch_add(w->epoll, set->inside_fast->fd, WATCH_TUN_FAST, 0, EPOLLIN);
	if (!err && w->handover)
		err = watch_add(w->epoll, handover_fd(w->handover, w->number), WATCH_HANDOVER, 0, EPOLLIN);
	w->tun_watched = true;
	return err;
}

static int make_engine(struct worker *w, const struct worker_settings *set)
{
	w->pool = buf_pool_new(set->buffer_count);
	if (!w->pool)
		return -ENOMEM;
	w->buffers_low = MIN(set->buffer_count / 4, 512u);	/* a turn of all lanes and sockets fits */
	rand_system(&w->random);
	w->now = clock_now_us();
	w->tunnel = tunnel_new(&set->tunnel, &worker_events, w, w->pool, &w->random, w->now);
	return w->tunnel ? 0 : -ENOMEM;
}

/* The classifier's hashes are found again by ours, so the key is that of the maps where there are maps. */
static void take_queues(struct worker *w, const struct worker_settings *set)
{
	const struct datapath *d = w->lanes ? w->lanes : w->datapath;
	u64 key = d ? datapath_hash_key(d) : 0;

	w->hash_key = key ? key : rand_u64(&w->random);
	w->inside = set->inside;
	w->inside_fast = set->inside_fast;
	w->inside->hash_key = w->hash_key;
	tunnel_set_hash_key(w->tunnel, w->hash_key);
	if (w->inside_fast)
		w->inside_fast->hash_key = w->hash_key;
}

int worker_start(struct worker **out, const struct worker_settings *set)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->admission = set->admission;
	w->datapath = set->datapath;
	w->lanes = set->lanes;
	w->handover = set->handover;
	w->number = set->tunnel.worker;
	w->server = set->tunnel.server;
	w->epoll = -1;
	err = mailbox_open(&w->mail);
	if (err) {
		free(w);
		return err;
	}
	err = make_engine(w, set);
	if (err)
		goto fail;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0) {
		err = -errno;
		goto fail;
	}
	err = links_init(&w->links, w->epoll, w->server ? SERVER_LINKS : CLIENT_LINKS);
	if (!err)
		err = watch_own(w, set);
	take_queues(w, set);
	if (!err)
		err = start_thread(w);
	if (err) {
		w->inside = w->inside_fast = NULL;	/* stay the caller's */
		goto fail;
	}
	*out = w;
	return 0;
fail:
	worker_stop(w);
	return err;
}

static void stop_here(void *arg)
{
	struct worker *w = arg;

	w->stopping = true;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	if (w->started) {
		mailbox_run(&w->mail, stop_here, w);
		pthread_join(w->thread, NULL);
	}
	tunnel_free(w->tunnel);
	links_destroy(&w->links);
	ports_free(w->ports);
	port_close(w->inside);
	port_close(w->inside_fast);
	if (w->pool)
		buf_pool_free(w->pool);
	if (w->epoll >= 0)
		close(w->epoll);
	mailbox_destroy(&w->mail);
	free(w);
}

void worker_goodbye(struct worker *w, const char *text)
{
	tunnel_close_all(w->tunnel, TG_CLOSE_BYE, text, w->now);
	w->stopping = true;
}

struct bound_call {
	struct worker *worker;
	void (*fn)(struct worker *w, void *arg);
	void *arg;
};

static void run_bound(void *arg)
{
	struct bound_call *call = arg;

	call->worker->now = clock_now_us();
	call->fn(call->worker, call->arg);
}

void worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg)
{
	struct bound_call call = { .worker = w, .fn = fn, .arg = arg };

	mailbox_run(&w->mail, run_bound, &call);
}

struct mailbox *worker_mailbox(struct worker *w)
{
	return &w->mail;
}

struct tunnel *worker_tunnel(struct worker *w)
{
	return w->tunnel;
}

struct port *worker_inside(struct worker *w)
{
	return w->inside;
}

void worker_add_tun_counters(struct worker *w, struct tun_counters *sum)
{
	tun_counters_add(sum, &w->inside->counters);
	if (w->inside_fast)
		tun_counters_add(sum, &w->inside_fast->counters);
}

u64 worker_hash_key(const struct worker *w)
{
	return w->hash_key;
}

u64 worker_now(const struct worker *w)
{
	return w->now;
}

static void publish_index(void *arg, u32 index)
{
	datapath_put_index(arg, index, TG_SEEN_NONE, 0);
}

void worker_use_datapath(struct worker *w, struct datapath *d)
{
	w->datapath = d;
	datapath_beat(d, w->number, w->now);
	tunnel_each_index(w->tunnel, publish_index, d);
}

/* ---- links ---- */

u32 worker_link_reserve(struct worker *w)
{
	struct link *k = links_reserve(&w->links);

	return k ? k->number : 0;
}

void worker_link_release(struct worker *w, u32 number)
{
	struct link *k = links_find(&w->links, number);

	if (k)
		links_release(&w->links, k);
}

int worker_link_udp(struct worker *w, u32 number, struct udp *const lanes[TG_LANES], bool watched)
{
	struct link *k = links_find(&w->links, number);

	if (!k) {
		udp_close(lanes[TG_LANE_INTERACTIVE]);
		udp_close(lanes[TG_LANE_BULK]);
		return -ENOENT;
	}
	k->watched = watched;
	return links_put_udp(&w->links, k, lanes);
}

void worker_link_gro(struct worker *w, u32 number, bool on)
{
	for (u32 i = 0; i < w->links.max; i++) {
		struct link *k = &w->links.at[i];

		if (!k->number || !k->udp || (number && k->number != number))
			continue;
		udp_set_gro(k->udp, on);
		if (k->ahead)
			udp_set_gro(k->ahead, on);
	}
}

int worker_link_xsk(struct worker *w, u32 number, struct xsk *x)
{
	struct link *k = links_find(&w->links, number);

	if (!k || !k->udp) {
		xsk_close(x);
		return -ENOENT;
	}
	return links_put_xsk(&w->links, k, x);
}

void worker_link_drop_xsk(struct worker *w, u32 number)
{
	struct link *k = links_find(&w->links, number);

	if (k)
		links_drop_xsk(k);
}

struct xsk *worker_xsk(struct worker *w, u32 number)
{
	struct link *k = links_find(&w->links, number);

	return k ? k->xsk : NULL;
}

int worker_link_tcp(struct worker *w, u32 number, struct tcp *c)
{
	struct link *k = links_find(&w->links, number);

	if (!k) {
		tcp_close(c);
		return -ENOENT;
	}
	k->watched = true;
	return links_put_tcp(&w->links, k, c, true);
}

int worker_listen_tcp(struct worker *w, struct tcp_listener *l)
{
	struct link *k = links_reserve(&w->links);
	int err = -ENOSPC;

	if (k)
		err = links_put_listener(&w->links, k, l);
	else
		tcp_listener_close(l);
	if (k && err)
		links_release(&w->links, k);
	return err;
}
