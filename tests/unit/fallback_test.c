// SPDX-License-Identifier: MIT
/* fallback_test.c - which address of the server an uplink tries, and which settings are refused */
#include "unit/unit.h"

#include <string.h>

#include "run/client_parts.h"

/* Which addresses of a server an uplink tries, best first. */
static const struct {
	const char *what;
	const char *own4, *own6;	/* of the uplink; NULL: none */
	bool default4, default6;
	const char *expected[4];
} cases[] = {
	{ "both families: IPv4 first", "192.0.2.7/24", "2001:db8::7/64", true, true,
	  { "198.51.100.1:7443", "203.0.113.5:7443", "[2001:db8:9::1]:7443" } },
	{ "IPv4 only", "192.0.2.7/24", NULL, true, false, { "198.51.100.1:7443", "203.0.113.5:7443" } },
	{ "IPv6 only", NULL, "2001:db8::7/64", false, true, { "[2001:db8:9::1]:7443" } },
	{ "IPv4 without a default route comes after IPv6 with one", "192.0.2.7/24", "2001:db8::7/64", false, true,
	  { "[2001:db8:9::1]:7443", "198.51.100.1:7443", "203.0.113.5:7443" } },
	{ "the server is a neighbour: no default route needed", "203.0.113.9/24", NULL, false, false,
	  { "203.0.113.5:7443", "198.51.100.1:7443" } },
	{ "no address", NULL, NULL, false, false, { NULL } },
};

static void addresses_are_tried_in_order_of_reach(void **state)
{
	static const char *const servers[] = { "198.51.100.1:7443", "[2001:db8:9::1]:7443", "203.0.113.5:7443" };
	static struct client c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		assert_int_equal(addr_parse(&c.servers[c.server_count++], servers[i], 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct host_uplink h = { .has_default4 = cases[i].default4, .has_default6 = cases[i].default6 };
		struct addr out[SERVERS_MAX];
		char text[ADDR_TEXT_BYTES];
		u32 n, wanted = 0;

		if (cases[i].own4)
			assert_int_equal(prefix_parse(&h.addr4, cases[i].own4), 0);
		if (cases[i].own6)
			assert_int_equal(prefix_parse(&h.addr6, cases[i].own6), 0);
		while (wanted < 4 && cases[i].expected[wanted])
			wanted++;
		n = servers_for(&c, &h, out);
		if (n != wanted)
			fail_msg("%s: %u addresses, not %u", cases[i].what, n, wanted);
		for (u32 j = 0; j < n; j++)
			if (strcmp(addr_format(&out[j], text), cases[i].expected[j]))
				fail_msg("%s: place %u is %s, not %s", cases[i].what, j, text, cases[i].expected[j]);
	}
}

static void the_same_address_is_listed_once(void **state)
{
	static struct client c;

	(void)state;
	c.set.key.addr_count = 3;
	addr_parse(&c.set.key.addrs[0], "198.51.100.1:7443", 0);
	addr_parse(&c.set.key.addrs[1], "198.51.100.1:7443", 0);
	addr_parse(&c.set.key.addrs[2], "198.51.100.1:7444", 0);
	assert_int_equal(client_resolve(&c), 0);
	assert_int_equal(client_resolve(&c), 0);
	assert_int_equal(c.server_count, 2);
}

static void a_server_inside_a_route_is_refused(void **state)
{
	static struct client c;
	char error[RUN_ERROR_BYTES] = "";

	(void)state;
	addr_parse(&c.servers[0], "203.0.113.5:7443", 0);
	c.server_count = 1;
	c.set.routes.count = 1;
	prefix_parse(&c.set.routes.at[0], "203.0.113.0/24");
	assert_int_not_equal(client_check_settings(&c, error), 0);
	assert_non_null(strstr(error, "203.0.113.5"));
	assert_non_null(strstr(error, "203.0.113.0/24"));
	c.set.excludes.count = 1;
	prefix_parse(&c.set.excludes.at[0], "203.0.113.5/32");
	assert_int_equal(client_check_settings(&c, error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_tried_in_order_of_reach),
		cmocka_unit_test(the_same_address_is_listed_once),
		cmocka_unit_test(a_server_inside_a_route_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
