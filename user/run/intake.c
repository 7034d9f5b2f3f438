// SPDX-License-Identifier: MIT
/* intake.c - what comes by UDP: interactive datagrams are delivered before bulk that waits, and acked in their turn
 *
 *   socket, interactive --worker_read_ahead()--> tunnel_receive_ahead(), then they wait in the socket's ring
 *                                                    |
 *   socket, bulk ---------worker_read_udp()----------+--> worker_receive(): all in the order in which they arrived
 *
 * Where packets come faster than this worker opens them, megabytes wait in a socket, and nobody sees what is in there. So the kernel
 * sorts them into two (udp_lanes.c). The order of arrival is that of the kernel's stamps.
 */
#include "run/worker_parts.h"

#define STAMP_SLACK_US 20u	/* each socket has its own offset between clocks (clock.c), and a batch of frames is stamped in one go */

/* False: the list is full of links that are gone, until the end of the turn. */
static bool note_waiting(struct worker *w, u32 number)
{
	for (u32 i = 0; i < w->waiting_count; i++)
		if (w->waiting[i] == number)
			return true;
	if (w->waiting_count == WAITING_LINKS)
		return false;
	w->waiting[w->waiting_count++] = number;
	return true;
}

static u32 receive(struct worker *w, struct link *k, struct udp *u, struct datagrams **fresh)
{
	int error;
	u32 n = udp_receive(u, fresh, &error), unusable = udp_take_unusable(u);

	if (unusable)
		tunnel_count_drop(w->tunnel, TG_DROP_SHORT, unusable);
	worker_note_trouble(w, k, error);
	return n;
}

/* All that is there: what is left behind would be noted after bulk that came later. */
void worker_read_ahead(struct worker *w, struct link *k)
{
	struct datagrams *fresh;
	u32 n;

	if (!note_waiting(w, k->number))
		return;
	do {
		n = receive(w, k, k->ahead, &fresh);
		if (n)
			tunnel_receive_ahead(w->tunnel, fresh, n, w->now);
	} while (n && !udp_is_emptied(k->ahead));
	k->read = false;
}

/* Stamps are that exact. In doubt bulk was first: an ack that skips it would have it sent again, one that comes later does no harm. */
static bool is_before(const struct datagrams *ahead, u64 bulk_us)
{
	return ahead->arrived_us + STAMP_SLACK_US < bulk_us;
}

static u32 count_before(const struct datagrams *runs, u32 n, u64 bulk_us)
{
	u32 count = 0;

	while (count < n && is_before(&runs[count], bulk_us))
		count++;
	return count;
}

/* It is the turn of what arrived before bulk that did then; TIME_NEVER: of all. */
static void take_ahead(struct worker *w, struct link *k, u64 bulk_us)
{
	struct datagrams *runs;
	u32 n, turn;

	do {
		runs = udp_waiting(k->ahead, &n);
		turn = count_before(runs, n, bulk_us);
		if (turn)
			worker_receive(w, runs, turn, false);
		udp_done(k->ahead, turn);
	} while (turn && turn == n);
}

/* How many of these come before the next that was delivered ahead. */
static u32 until_next_ahead(struct link *k, const struct datagrams *runs, u32 n)
{
	u32 waiting, count = 1;
	const struct datagrams *next = udp_waiting(k->ahead, &waiting);

	while (count < n && (!waiting || !is_before(next, runs[count].arrived_us)))
		count++;
	return count;
}

static void take_merged(struct worker *w, struct link *k, struct datagrams *runs, u32 n)
{
	u32 some;

	for (u32 i = 0; i < n; i += some) {
		take_ahead(w, k, runs[i].arrived_us);
		some = until_next_ahead(k, runs + i, n - i);
		worker_receive(w, runs + i, some, false);
	}
}

void worker_read_udp(struct worker *w, struct link *k)
{
	struct datagrams *runs;
	u32 n = receive(w, k, k->udp, &runs);

	if (n && k->ahead)
		take_merged(w, k, runs, n);
	else if (n)
		worker_receive(w, runs, n, false);
	udp_done(k->udp, n);
	k->behind = !udp_is_emptied(k->udp);
	k->read = true;
}

/* Where nothing is left in the other socket, all that was delivered ahead has its turn. What came before it is there: that socket is read after this one. */
void worker_end_waiting(struct worker *w)
{
	u32 left = 0;

	for (u32 i = 0; i < w->waiting_count; i++) {
		struct link *k = links_find(&w->links, w->waiting[i]);

		if (!k || !k->ahead)
			continue;
		if (!k->read)
			worker_read_udp(w, k);
		if (k->behind)
			w->waiting[left++] = w->waiting[i];
		else
			take_ahead(w, k, TIME_NEVER);
		k->read = false;
	}
	w->waiting_count = left;
}
