// SPDX-License-Identifier: MIT
/* pool_test.c - inner addresses of one prefix */
#include "unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/types.h"
#include "server/pool.h"

static struct pool *make(const char *prefix)
{
	struct pool *p = NULL;
	struct prefix parsed;

	assert_int_equal(prefix_parse(&parsed, prefix), 0);
	assert_int_equal(pool_new(&p, &parsed), 0);
	return p;
}

static const char *take(struct pool *p, u64 owner)
{
	static char text[INET6_ADDRSTRLEN];
	struct prefix server;
	u8 ip[16] = { 0 };

	pool_server(p, &server);
	if (pool_take(p, owner, ip))
		return "full";
	inet_ntop(server.family == 4 ? AF_INET : AF_INET6, ip, text, sizeof(text));
	return text;
}

static void release(struct pool *p, const char *ip)
{
	u8 bytes[16] = { 0 };

	assert_int_equal(inet_pton(strchr(ip, ':') ? AF_INET6 : AF_INET, ip, bytes), 1);
	pool_release(p, bytes);
}

static const struct {
	const char *prefix, *server, *first;
	u32 size;
} prefixes[] = {
	{ "10.0.85.0/24", "10.0.85.1/24", "10.0.85.2", 253 },
	{ "10.0.85.77/24", "10.0.85.1/24", "10.0.85.2", 253 },
	{ "192.168.7.4/30", "192.168.7.5/30", "192.168.7.6", 1 },
	{ "172.16.0.0/16", "172.16.0.1/16", "172.16.0.2", 65533 },
	{ "10.0.0.0/8", "10.0.0.1/8", "10.0.0.2", POOL_MAX_ADDRESSES },
	{ "fd85:7269:676c::/64", "fd85:7269:676c::1/64", "fd85:7269:676c::2", POOL_MAX_ADDRESSES },
	{ "fd85::4/126", "fd85::5/126", "fd85::6", 2 },
};

static void server_is_first_and_clients_follow(void **state)
{
	char text[ADDR_TEXT_BYTES];
	struct prefix server;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		struct pool *p = make(prefixes[i].prefix);

		pool_server(p, &server);
		assert_string_equal(prefix_format(&server, text), prefixes[i].server);
		assert_int_equal(pool_size(p), prefixes[i].size);
		assert_string_equal(take(p, 1), prefixes[i].first);
		pool_free(p);
	}
}

static void prefixes_without_room_are_refused(void **state)
{
	static const char *const bad[] = { "10.0.0.0/31", "10.0.0.1", "fd00::/127", "fd00::1" };
	struct prefix parsed;
	struct pool *p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(prefix_parse(&parsed, bad[i]), 0);
		assert_int_equal(pool_new(&p, &parsed), -EINVAL);
	}
}

/* Every address of the prefix once, none of them twice, then an error. */
static void every_address_is_given_out_once(void **state)
{
	static bool given[65536];
	struct pool *p = make("172.16.0.0/16");
	u8 ip[16] = { 0 };

	(void)state;
	for (u32 i = 0; i < 65533; i++) {
		u32 host;

		assert_int_equal(pool_take(p, 0, ip), 0);
		assert_int_equal(ip[0], 172);
		assert_int_equal(ip[1], 16);
		host = ((u32)ip[2] << 8) | ip[3];
		assert_false(given[host]);
		given[host] = true;
	}
	assert_false(given[0] || given[1] || given[65535]);
	assert_int_equal(pool_take(p, 0, ip), -ENOSPC);
	assert_int_equal(pool_take(p, 7, ip), -ENOSPC);
	assert_int_equal(pool_used(p), 65533);
	pool_free(p);
}

static void an_owner_comes_back_to_its_address(void **state)
{
	struct pool *p = make("10.0.85.0/24");

	(void)state;
	assert_string_equal(take(p, 1), "10.0.85.2");
	assert_string_equal(take(p, 2), "10.0.85.3");
	release(p, "10.0.85.2");
	assert_false(pool_holds(p, 1));
	assert_string_equal(take(p, 3), "10.0.85.4");	/* .2 waits for its owner */
	assert_string_equal(take(p, 1), "10.0.85.2");
	assert_true(pool_holds(p, 1));
	pool_free(p);
}

static void two_grants_of_an_owner_share_an_address(void **state)
{
	struct pool *p = make("192.168.7.4/30");

	(void)state;
	assert_string_equal(take(p, 1), "192.168.7.6");
	assert_string_equal(take(p, 1), "192.168.7.6");
	release(p, "192.168.7.6");
	assert_string_equal(take(p, 2), "full");	/* the other grant still stands */
	release(p, "192.168.7.6");
	assert_string_equal(take(p, 2), "192.168.7.6");
	assert_int_equal(pool_used(p), 1);
	pool_free(p);
}

static void addresses_of_nobody_are_lowest_first(void **state)
{
	struct pool *p = make("fd85::/64");

	(void)state;
	assert_string_equal(take(p, 0), "fd85::2");
	assert_string_equal(take(p, 0), "fd85::3");
	assert_string_equal(take(p, 0), "fd85::4");
	release(p, "fd85::3");
	assert_string_equal(take(p, 0), "fd85::3");
	assert_string_equal(take(p, 0), "fd85::5");
	pool_free(p);
}

static void reserved_addresses_wait_for_their_owner(void **state)
{
	struct pool *p = make("10.0.85.0/29");	/* clients .2 to .6 */
	static const u8 outside[4] = { 10, 0, 86, 2 }, server[4] = { 10, 0, 85, 1 }, four[4] = { 10, 0, 85, 4 };

	(void)state;
	pool_reserve(p, 40, four);
	pool_reserve(p, 41, four);	/* taken: ignored */
	pool_reserve(p, 42, server);
	pool_reserve(p, 43, outside);
	assert_string_equal(take(p, 41), "10.0.85.2");
	assert_string_equal(take(p, 42), "10.0.85.3");
	assert_string_equal(take(p, 43), "10.0.85.5");
	assert_string_equal(take(p, 40), "10.0.85.4");
	assert_string_equal(take(p, 44), "10.0.85.6");
	assert_string_equal(take(p, 45), "full");
	release(p, "10.0.85.3");
	assert_string_equal(take(p, 45), "10.0.85.3");	/* 42 is away and nothing else is left */
	assert_string_equal(take(p, 42), "full");
	pool_free(p);
}

static void releasing_what_was_not_taken_changes_nothing(void **state)
{
	struct pool *p = make("10.0.85.0/29");

	(void)state;
	release(p, "10.0.85.5");
	release(p, "10.0.85.1");
	release(p, "10.9.9.9");
	assert_string_equal(take(p, 0), "10.0.85.2");
	release(p, "10.0.85.2");
	release(p, "10.0.85.2");
	assert_int_equal(pool_used(p), 0);
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_is_first_and_clients_follow),
		cmocka_unit_test(prefixes_without_room_are_refused),
		cmocka_unit_test(every_address_is_given_out_once),
		cmocka_unit_test(an_owner_comes_back_to_its_address),
		cmocka_unit_test(two_grants_of_an_owner_share_an_address),
		cmocka_unit_test(addresses_of_nobody_are_lowest_first),
		cmocka_unit_test(reserved_addresses_wait_for_their_owner),
		cmocka_unit_test(releasing_what_was_not_taken_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
