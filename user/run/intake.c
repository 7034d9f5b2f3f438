// SPDX-License-Identifier: MIT
/* intake.c - what comes by UDP: read as soon as it is there, taken in slice by slice, and what is interactive ahead of what waits
 *
 *   socket -> ring of the socket (udp.h) --+-- more than a slice waits: tunnel_receive_ahead()
 *                                          '-- a slice in each turn: worker_receive()
 *
 * Where packets come faster than this worker opens them, they wait. In the socket's buffer nobody can tell them apart, and a small packet would wait
 * for megabytes; here it waits for a slice. What waits is bounded as it would be in the socket: beyond that, what comes last is lost.
 */
#include "run/worker_parts.h"

#define SLICE_BYTES (128u << 10)
#define WAITING_MOST (3u << 20)		/* about what a socket's 4 MB hold with the kernel's overhead */
#define READS_PER_TURN 8u		/* of UDP_MAX_RUNS */

static void give_up(struct datagrams *runs, u32 n)
{
	for (u32 i = 0; i < n; i++)
		runs[i].given_up = true;
}

/* False: the list is full of links that are gone, until the slices have been taken. */
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

void worker_read_udp(struct worker *w, struct link *k)
{
	struct datagrams *fresh;
	u32 n, unusable, reads = 0;
	int error;

	if (!note_waiting(w, k->number))
		return;
	do {
		n = udp_receive(k->udp, &fresh, &error);
		if (n && udp_waiting_bytes(k->udp) > SLICE_BYTES)
			tunnel_receive_ahead(w->tunnel, fresh, n, w->now);
		if (udp_waiting_bytes(k->udp) > WAITING_MOST)
			give_up(fresh, n);
		worker_note_trouble(w, k, error);
	} while (n == UDP_MAX_RUNS && ++reads < READS_PER_TURN);
	unusable = udp_take_unusable(k->udp);
	if (unusable)
		tunnel_count_drop(w->tunnel, TG_DROP_SHORT, unusable);
}

/* Those that were given up count for nothing. */
static u32 slice_of(const struct datagrams *runs, u32 n)
{
	u32 count = 0;

	for (u32 bytes = 0; count < n && bytes < SLICE_BYTES; count++)
		bytes += runs[count].given_up ? 0 : runs[count].len;
	return count;
}

/* Is there more? */
static bool take_slice(struct worker *w, struct udp *u)
{
	u32 n;
	struct datagrams *runs = udp_waiting(u, &n);

	n = slice_of(runs, n);
	if (n)
		worker_receive(w, runs, n, false);
	udp_done(u, n);
	return udp_waiting_bytes(u) > 0;
}

/* A link may have been closed, or got another socket, since. */
void worker_take_slices(struct worker *w)
{
	u32 left = 0;

	for (u32 i = 0; i < w->waiting_count; i++) {
		struct link *k = links_find(&w->links, w->waiting[i]);

		if (k && k->udp && take_slice(w, k->udp))
			w->waiting[left++] = w->waiting[i];
	}
	w->waiting_count = left;
}
