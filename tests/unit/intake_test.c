// SPDX-License-Identifier: MIT
/* intake_test.c - what comes by a link's two sockets: interactive first, and noted in its turn
 *
 * intake.c with loopback sockets, and this file in place of the engine: it writes down what it is given.
 */
#include "unit/unit.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define tunnel_receive_ahead fake_receive_ahead
#define tunnel_count_drop fake_count_drop
#define worker_receive fake_receive
#define worker_note_trouble fake_note_trouble
#include "run/intake.c"

#include "base/bytes.h"

#define MOST 2000u

static struct worker *w;
static struct link *k;
static struct udp *from;
static struct addr there;
static u32 sent, received, ahead, unusable;
static u32 order[MOST];			/* numbers as they were received */
static bool is_ahead[MOST], was_ahead[MOST];

/* ---- the engine ---- */

void fake_receive_ahead(struct tunnel *t, struct datagrams *runs, u32 n, u64 now_us)
{
	(void)t;
	(void)now_us;
	for (u32 i = 0; i < n; i++) {
		assert_true(is_ahead[get_be32(runs[i].data + 8)]);
		was_ahead[get_be32(runs[i].data + 8)] = true;
		ahead++;
	}
}

void fake_receive(struct worker *of, struct datagrams *runs, u32 n, bool spread)
{
	(void)of;
	assert_false(spread);
	for (u32 i = 0; i < n; i++)
		order[received++] = get_be32(runs[i].data + 8);
}

void fake_count_drop(struct tunnel *t, enum tg_drop reason, u32 count)
{
	(void)t;
	assert_int_equal(reason, TG_DROP_SHORT);
	unusable += count;
}

void fake_note_trouble(struct worker *of, const struct link *at, int error)
{
	(void)of;
	(void)at;
	assert_int_equal(error, 0);
}

/* ---- a link ---- */

static void begin(void)
{
	struct udp_settings set = { .bind = { .family = 4, .ip = { 127, 0, 0, 1 } }, .no_gro = true };
	struct udp *lanes[TG_LANES];

	sent = received = ahead = unusable = 0;
	memset(is_ahead, 0, sizeof(is_ahead));
	memset(was_ahead, 0, sizeof(was_ahead));
	w = calloc(1, sizeof(*w));
	assert_int_equal(links_init(&w->links, epoll_create1(EPOLL_CLOEXEC), 4), 0);
	k = links_reserve(&w->links);
	assert_int_equal(udp_open_lanes(lanes, k->number, &set, 1, -1), 0);
	udp_local(lanes[TG_LANE_BULK], &there);
	assert_int_equal(links_put_udp(&w->links, k, lanes), 0);
	assert_non_null(k->ahead);
	assert_int_equal(udp_open(&from, 9, &set), 0);
}

static void end(void)
{
	int epoll = w->links.epoll;

	udp_close(from);
	links_destroy(&w->links);
	close(epoll);
	free(w);
}

static void send_bytes(u8 *data, u32 len)
{
	struct datagrams d = { .data = data, .len = len, .segment_bytes = len, .where.remote = there };
	int error;

	assert_int_equal(udp_send(from, &d, 1, &error), 0);
}

static void send_one(bool interactive)
{
	u8 data[100] = { TG_TYPE_DATA, interactive ? TG_FLAG_AHEAD : 0 };

	put_be32(data + 8, sent);
	is_ahead[sent++] = interactive;
	send_bytes(data, sizeof(data));
}

static void send_empty(void)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&there, &ss);

	assert_int_equal(sendto(udp_fd(from), "", 0, 0, (struct sockaddr *)&ss, len), 0);
}

static bool is_ready(const struct udp *u)
{
	struct pollfd p = { .fd = udp_fd(u), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* As worker.c's turn. `blind`: the event of the bulk socket is not among those that epoll gave out. */
static void turn(bool blind)
{
	bool fast = is_ready(k->ahead), bulk = !blind && is_ready(k->udp);

	if (fast)
		worker_read_ahead(w, k);
	if (bulk)
		worker_read_udp(w, k);
	worker_end_waiting(w);
}

static void turns(bool blind)
{
	for (u32 i = 0; i < 1000 && received < sent; i++)
		turn(blind);
}

/* Each once; and of what is interactive none before bulk that was sent before it. */
static void assert_all_in_turn(void)
{
	u32 bulk = 0;

	assert_int_equal(received, sent);
	for (u32 i = 0; i < received; i++) {
		if (!is_ahead[order[i]]) {
			assert_true(order[i] >= bulk);
			bulk = order[i] + 1;
			continue;
		}
		assert_true(was_ahead[order[i]]);
		for (u32 b = bulk; b < order[i]; b++)
			assert_true(is_ahead[b]);
	}
}

/* ---- facts ---- */

static void a_call_is_delivered_in_the_first_turn_and_noted_in_its_own(void **state)
{
	(void)state;
	begin();
	for (u32 i = 0; i < 100; i++)
		send_one(i % 30 == 29);
	turn(false);
	assert_int_equal(ahead, 3);
	assert_int_equal(received, UDP_MAX_RUNS);
	turns(false);
	assert_all_in_turn();
	assert_int_equal(w->waiting_count, 0);
	end();
}

static void all_that_is_interactive_is_read_at_once(void **state)
{
	(void)state;
	begin();
	for (u32 i = 0; i < 400; i++)
		send_one(i % 4 != 0);
	turn(false);
	assert_int_equal(ahead, 300);
	turns(false);
	assert_all_in_turn();
	end();
}

/* epoll gives out a number of events; the bulk socket's may not be among them. */
static void a_bulk_socket_that_gave_no_event_is_not_taken_for_empty(void **state)
{
	(void)state;
	begin();
	for (u32 i = 0; i < 40; i++)
		send_one(i == 39);
	turns(true);
	assert_all_in_turn();
	end();
}

static void empty_datagrams_do_not_make_the_socket_look_empty(void **state)
{
	(void)state;
	begin();
	for (u32 i = 0; i < 40; i++) {
		if (i % 5 == 0)
			send_empty();
		send_one(i == 39);
	}
	turns(false);
	assert_int_equal(unusable, 8);
	assert_all_in_turn();
	end();
}

/* What does not fit stays in the socket and comes later. */
static void more_than_the_ring_holds_is_lost_nowhere(void **state)
{
	(void)state;
	begin();
	for (u32 i = 0; i < 1000; i++)
		send_one(i % 5 != 0);
	turns(false);
	assert_int_equal(received, sent);
	assert_int_equal(ahead, 800);
	end();
}

static void a_link_that_is_gone_leaves_the_list(void **state)
{
	(void)state;
	begin();
	for (u32 i = 0; i < 20; i++)
		send_one(i % 2);
	turn(false);
	assert_int_equal(w->waiting_count, 1);
	links_release(&w->links, k);
	worker_end_waiting(w);
	assert_int_equal(w->waiting_count, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_delivered_in_the_first_turn_and_noted_in_its_own),
		cmocka_unit_test(all_that_is_interactive_is_read_at_once),
		cmocka_unit_test(a_bulk_socket_that_gave_no_event_is_not_taken_for_empty),
		cmocka_unit_test(empty_datagrams_do_not_make_the_socket_look_empty),
		cmocka_unit_test(more_than_the_ring_holds_is_lost_nowhere),
		cmocka_unit_test(a_link_that_is_gone_leaves_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
