// SPDX-License-Identifier: MIT
/* addr_test.c - addresses and prefixes, to and from text */
#include "unit/unit.h"

#include "base/addr.h"
#include "base/types.h"

static const struct {
	const char *text;
	u16 default_port;
	const char *printed;	/* NULL: refused */
} addresses[] = {
	{ "1.2.3.4:5", 0, "1.2.3.4:5" },
	{ "1.2.3.4", 7443, "1.2.3.4:7443" },
	{ "1.2.3.4", 0, NULL },
	{ "[2001:db8::1]:80", 0, "[2001:db8::1]:80" },
	{ "2001:db8::1", 7443, "[2001:db8::1]:7443" },
	{ "[2001:db8::1]", 7443, "[2001:db8::1]:7443" },
	{ "[2001:db8::1]80", 7443, NULL },
	{ "[2001:db8::1", 7443, NULL },
	{ "1.2.3.4:65536", 0, NULL },
	{ "1.2.3.4:", 0, NULL },
	{ "1.2.3.4:-1", 0, NULL },
	{ "1.2.3.4: 1", 0, NULL },
	{ "example.org:80", 0, NULL },
	{ "", 7443, NULL },
};

static void addresses_parse_and_print(void **state)
{
	char text[ADDR_TEXT_BYTES];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		int err = addr_parse(&a, addresses[i].text, addresses[i].default_port);

		assert_int_equal(err == 0, addresses[i].printed != NULL);
		if (!err)
			assert_string_equal(addr_format(&a, text), addresses[i].printed);
	}
}

static void mapped_ipv4_is_ipv4(void **state)
{
	struct sockaddr_storage ss;
	struct addr a, mapped;

	(void)state;
	assert_int_equal(addr_parse(&a, "[::ffff:10.1.2.3]:9", 0), 0);
	addr_to_sockaddr(&a, &ss);
	addr_from_sockaddr(&mapped, (struct sockaddr *)&ss);
	assert_int_equal(addr_parse(&a, "10.1.2.3:9", 0), 0);
	assert_true(addr_equal(&a, &mapped));
}

static const struct {
	const char *one, *other;
	bool overlap;
} pairs[] = {
	{ "10.0.0.0/8", "10.0.85.0/24", true },
	{ "10.0.85.0/24", "10.0.86.0/24", false },
	{ "10.0.84.0/23", "10.0.85.7", true },
	{ "0.0.0.0/0", "192.168.1.1", true },
	{ "0.0.0.0/0", "::/0", false },
	{ "fd00::/8", "fd85::1", true },
	{ "fd00::/16", "fd85::/16", false },
};

static void prefixes_overlap(void **state)
{
	struct prefix a, b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		assert_int_equal(prefix_parse(&a, pairs[i].one), 0);
		assert_int_equal(prefix_parse(&b, pairs[i].other), 0);
		assert_int_equal(prefix_overlaps(&a, &b), pairs[i].overlap);
		assert_int_equal(prefix_overlaps(&b, &a), pairs[i].overlap);
	}
}

static void bad_prefixes_are_refused(void **state)
{
	static const char *const bad[] = { "10.0.0.0/33", "10.0.0/8", "/8", "fd00::/129", "10.0.0.0/", "x" };
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(prefix_parse(&p, bad[i]), 0);
}

static void masking_clears_host_bits(void **state)
{
	char text[ADDR_TEXT_BYTES];
	struct prefix p;

	(void)state;
	assert_int_equal(prefix_parse(&p, "10.0.87.255/22"), 0);
	prefix_mask(&p);
	assert_string_equal(prefix_format(&p, text), "10.0.84.0/22");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_parse_and_print),
		cmocka_unit_test(mapped_ipv4_is_ipv4),
		cmocka_unit_test(prefixes_overlap),
		cmocka_unit_test(bad_prefixes_are_refused),
		cmocka_unit_test(masking_clears_host_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
