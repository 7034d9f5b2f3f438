// SPDX-License-Identifier: MIT
/* links_test.c - the table of links: numbers, slots, and what is sent through them */
#include "unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <triglav/wire.h>
#include <unistd.h>

#include "run/links.h"

static struct links table(u32 max)
{
	struct links l = { 0 };

	assert_int_equal(links_init(&l, epoll_create1(0), max), 0);
	return l;
}

static void end(struct links *l)
{
	links_destroy(l);
	close(l->epoll);
}

static struct udp *loopback_socket(u32 link, struct addr *local)
{
	struct udp_settings set = { 0 };
	struct udp *u;

	set.bind = (struct addr){ .family = 4, .ip = { 127, 0, 0, 1 } };
	assert_int_equal(udp_open(&u, link, &set), 0);
	udp_local(u, local);
	return u;
}

static int put_loopback_socket(struct links *l, struct link *k, struct addr *local)
{
	struct udp *lanes[TG_LANES] = { [TG_LANE_BULK] = loopback_socket(k->number, local) };

	return links_put_udp(l, k, lanes);
}

static void a_number_of_an_earlier_link_reaches_nothing(void **state)
{
	struct links l = table(2);
	struct link *first = links_reserve(&l);
	u32 old = first->number;

	(void)state;
	assert_ptr_equal(links_find(&l, old), first);
	links_release(&l, first);
	assert_null(links_find(&l, old));
	assert_ptr_equal(links_reserve(&l), first);	/* the same slot */
	assert_int_not_equal(first->number, old);
	assert_null(links_find(&l, old));
	end(&l);
}

static void numbers_of_no_slot_are_not_found(void **state)
{
	static const u32 numbers[] = { 0, 1, 3, 0xffff, 0x10000, 0xffffffff };
	struct links l = table(2);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_null(links_find(&l, numbers[i]));
	end(&l);
}

static void a_full_table_says_so(void **state)
{
	struct links l = table(3);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_non_null(links_reserve(&l));
	assert_null(links_reserve(&l));
	links_release(&l, &l.at[1]);
	assert_non_null(links_reserve(&l));
	end(&l);
}

static struct link *accepted_from(struct links *l, const char *source, u64 now)
{
	struct link *k = links_reserve(l);
	struct addr remote;

	assert_non_null(k);
	assert_int_equal(addr_parse(&remote, source, 0), 0);
	links_accepted(l, k, &remote, now);
	return k;
}

static void answer(struct link *k, u8 type, u64 now)
{
	u8 data[1] = { type };
	struct datagrams run = { .data = data, .len = 1, .segment_bytes = 1 };

	links_answered(k, &run, 1, now);
}

static void the_quietest_is_an_accepted_connection(void **state)
{
	static const u64 since[] = { 9, 4, 7 };
	struct links l = table(ARRAY_SIZE(since) + 1);

	(void)state;
	assert_non_null(links_reserve(&l));
	assert_null(links_quietest(&l));
	for (size_t i = 0; i < ARRAY_SIZE(since); i++)
		accepted_from(&l, "192.0.2.1:5", since[i]);
	assert_ptr_equal(links_quietest(&l), &l.at[2]);
	links_release(&l, &l.at[2]);
	assert_int_equal(l.accepted, 2);
	assert_ptr_equal(links_quietest(&l), &l.at[3]);
	end(&l);
}

/* Whoever wrote junk last was kept, and a client that was quiet for a moment went. */
static void a_stranger_makes_room_before_a_client(void **state)
{
	struct links l = table(3);
	struct link *client = accepted_from(&l, "192.0.2.1:5", 1), *stranger;

	(void)state;
	answer(client, TG_TYPE_CONTROL, 2);
	stranger = accepted_from(&l, "192.0.2.2:5", 100);
	accepted_from(&l, "192.0.2.2:6", 101);
	assert_ptr_equal(links_quietest(&l), stranger);
	end(&l);
}

/* Connections nobody with a key was behind stayed for five minutes, and for ever with junk now and then. */
static void strangers_are_not_kept(void **state)
{
	static const struct { int answer; u64 answered_us, kept_us; } cases[] = {
		{ 0, 0, LINKS_STRANGER_US },
		{ TG_TYPE_COOKIE, SEC, LINKS_STRANGER_US },
		{ TG_TYPE_VERSIONS, SEC, LINKS_STRANGER_US },
		{ TG_TYPE_ANSWER, SEC, SEC + LINKS_SILENCE_US },
		{ TG_TYPE_DATA, 9 * SEC, 9 * SEC + LINKS_SILENCE_US },
		{ TG_TYPE_CONTROL, SEC, SEC + LINKS_SILENCE_US },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct links l = table(2);
		struct link *own = links_reserve(&l);
		u64 start = 1000 * SEC;
		u32 number = accepted_from(&l, "192.0.2.1:5", start)->number;

		if (cases[i].answer)
			answer(links_find(&l, number), (u8)cases[i].answer, start + cases[i].answered_us);
		links_release_silent(&l, start + cases[i].kept_us - 1);
		assert_non_null(links_find(&l, number));
		links_release_silent(&l, start + cases[i].kept_us);
		assert_null(links_find(&l, number));
		assert_int_equal(l.accepted, 0);
		assert_int_not_equal(own->number, 0);	/* not accepted: nobody's business here */
		end(&l);
	}
}

static bool is_crowded(const struct links *l, const char *source)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, source, 0), 0);
	return links_crowded(l, &a);
}

static void one_source_cannot_take_all_places(void **state)
{
	struct links l = table(2 * LINKS_STRANGERS + 1);

	(void)state;
	for (u32 i = 0; i < LINKS_STRANGERS; i++) {
		assert_false(is_crowded(&l, "192.0.2.1:5"));
		accepted_from(&l, "192.0.2.1:5", 1);
		accepted_from(&l, "[2001:db8::1]:5", 1);
	}
	assert_true(is_crowded(&l, "192.0.2.1:6"));
	assert_true(is_crowded(&l, "[2001:db8::2]:5"));
	assert_false(is_crowded(&l, "192.0.2.2:5"));
	assert_false(is_crowded(&l, "[2001:db8:0:1::1]:5"));
	answer(&l.at[0], TG_TYPE_ANSWER, 2);	/* many clients may be behind one address */
	assert_false(is_crowded(&l, "192.0.2.1:6"));
	end(&l);
}

static u32 send_one(struct links *l, struct link *k, const struct addr *to, int *error)
{
	static u8 data[600];
	struct datagrams run = { .where = { .link = k->number, .remote = *to }, .data = data, .len = sizeof(data), .segment_bytes = 200 };

	return links_send(l, k, &run, 1, error);
}

static void a_link_without_a_socket_loses_every_datagram(void **state)
{
	struct links l = table(1);
	struct link *k = links_reserve(&l);
	struct addr to;
	int error;

	(void)state;
	addr_parse(&to, "127.0.0.1:9", 0);
	assert_int_equal(send_one(&l, k, &to, &error), 3);
	assert_int_equal(error, ENOTCONN);
	end(&l);
}

/* One client of a server that cannot be reached once took the answers to the others along. */
static void an_unreachable_destination_does_not_take_the_others_along(void **state)
{
	static u8 data[2][100];
	struct links l = table(2);
	struct link *from = links_reserve(&l), *to = links_reserve(&l);
	struct addr local, nowhere, there;
	struct datagrams runs[2], *got;
	int error;

	(void)state;
	addr_parse(&nowhere, "255.255.255.255:9", 0);	/* broadcast is not allowed on this socket: EACCES */
	assert_int_equal(put_loopback_socket(&l, from, &local), 0);
	assert_int_equal(put_loopback_socket(&l, to, &there), 0);
	for (int i = 0; i < 2; i++)
		runs[i] = (struct datagrams){ .where = { .remote = i ? there : nowhere }, .data = data[i], .len = 100, .segment_bytes = 100 };
	assert_int_equal(links_send(&l, from, runs, 2, &error), 1);
	assert_int_not_equal(error, 0);

	struct pollfd p = { .fd = udp_fd(to->udp), .events = POLLIN };

	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_int_equal(udp_receive(to->udp, &got, &error), 1);
	assert_int_equal(got[0].len, 100);
	end(&l);
}

static void a_new_socket_takes_the_place_of_the_old_one(void **state)
{
	struct links l = table(1);
	struct link *k = links_reserve(&l);
	struct addr first, second;
	struct epoll_event ev;
	u32 number = k->number;
	int error;

	(void)state;
	assert_int_equal(put_loopback_socket(&l, k, &first), 0);
	assert_int_equal(put_loopback_socket(&l, k, &second), 0);
	assert_int_equal(k->number, number);
	assert_int_not_equal(first.port, second.port);
	assert_int_equal(send_one(&l, k, &second, &error), 0);
	assert_int_equal(epoll_wait(l.epoll, &ev, 1, 5000), 1);
	assert_int_equal(ev.data.u64, watch_tag(WATCH_UDP, number));
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_of_an_earlier_link_reaches_nothing),
		cmocka_unit_test(numbers_of_no_slot_are_not_found),
		cmocka_unit_test(a_full_table_says_so),
		cmocka_unit_test(the_quietest_is_an_accepted_connection),
		cmocka_unit_test(a_stranger_makes_room_before_a_client),
		cmocka_unit_test(strangers_are_not_kept),
		cmocka_unit_test(one_source_cannot_take_all_places),
		cmocka_unit_test(a_link_without_a_socket_loses_every_datagram),
		cmocka_unit_test(an_unreachable_destination_does_not_take_the_others_along),
		cmocka_unit_test(a_new_socket_takes_the_place_of_the_old_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
