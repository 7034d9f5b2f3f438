// SPDX-License-Identifier: MIT
/* flow_text_test.c - flows as people name them, and lines of /proc/net */
#include "unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "manage/flow_text.h"

static void flows_are_read_as_people_name_them(void **state)
{
	static const struct {
		const char *text;
		const char *said;	/* NULL: it is none */
		bool whole;
	} facts[] = {
		{ "tcp 10.0.85.2:43210 198.51.100.2:443", "tcp 10.0.85.2:43210 -> 198.51.100.2:443", true },
		{ "tcp 10.0.85.2:43210 -> 198.51.100.2:443", "tcp 10.0.85.2:43210 -> 198.51.100.2:443", true },
		{ "udp [fd00::2]:5000 [2001:db8::1]:1", "udp [fd00::2]:5000 -> [2001:db8::1]:1", true },
		{ "198.51.100.2:443", "any -> 198.51.100.2:443", false },
		{ "udp 198.51.100.2", "udp any -> 198.51.100.2", false },
		{ "2001:db8::1", "any -> 2001:db8::1", false },
		{ "10.0.85.2 198.51.100.2:443", "10.0.85.2 -> 198.51.100.2:443", false },
		{ "", NULL, false }, { "tcp", NULL, false }, { "sctp 1.2.3.4 5.6.7.8", NULL, false },
		{ "1.2.3.4 2001:db8::1", NULL, false }, { "tcp 1.2.3.4 5.6.7.8 9.9.9.9", NULL, false },
		{ "example.org:443", NULL, false }, { "tcp 1.2.3.4:70000 5.6.7.8", NULL, false },
	};
	char said[FLOW_TEXT_BYTES];
	struct flow_wish wish;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(facts); i++) {
		assert_int_equal(flow_parse(facts[i].text, &wish), facts[i].said ? 0 : -EINVAL);
		if (!facts[i].said)
			continue;
		assert_string_equal(flow_format(&wish, said), facts[i].said);
		assert_int_equal(flow_is_whole(&wish), facts[i].whole);
	}
}

/* Our own loopback sockets are found by what the kernel lists. */
static void a_socket_of_this_host_is_found(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, own;
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_DGRAM, 0), one = socket(AF_INET, SOCK_DGRAM, 0);
	struct flow_wish wish, found[4];
	struct tg_flow flow;
	char text[64];

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(one, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(one, (struct sockaddr *)&own, &len), 0);

	snprintf(text, sizeof(text), "udp 127.0.0.1:%u", ntohs(at.sin_port));
	assert_int_equal(flow_parse(text, &wish), 0);
	assert_int_equal(flow_find(&wish, found, 4), 1);
	assert_true(flow_is_whole(&found[0]));
	assert_int_equal(found[0].from.port, ntohs(own.sin_port));
	flow_of_wish(&found[0], &flow);
	assert_int_equal(flow.protocol, TG_PROTO_UDP);
	assert_int_equal(flow.dport, ntohs(at.sin_port));
	assert_memory_equal(flow.dst, &at.sin_addr, 4);

	wish.protocol = TG_PROTO_TCP;
	assert_int_equal(flow_find(&wish, found, 4), 0);
	close(one);
	close(listener);
}

static void lines_that_are_no_flow_are_none(void **state)
{
	struct flow_wish found;
	char said[FLOW_TEXT_BYTES];

	(void)state;
	assert_false(flow_from_line("  sl  local_address rem_address   st tx_queue", 4, TG_PROTO_TCP, &found));
	assert_false(flow_from_line("   0: 0100007F:0035 00000000:0000 0A 00000000:00000000", 4, TG_PROTO_TCP, &found));
	assert_false(flow_from_line("", 4, TG_PROTO_TCP, &found));
	assert_true(flow_from_line("   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000200007F:01BB 01 0", 6, TG_PROTO_TCP, &found));
	if (htonl(1) != 1)	/* the line above is one of a little-endian machine */
		assert_string_equal(flow_format(&found, said), "tcp 127.0.0.1:8080 -> 127.0.0.2:443");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_are_read_as_people_name_them),
		cmocka_unit_test(a_socket_of_this_host_is_found),
		cmocka_unit_test(lines_that_are_no_flow_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
