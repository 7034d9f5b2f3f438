// SPDX-License-Identifier: MIT
/* cookie_test.c - macs and cookies */
#include "unit/unit.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "crypto/cookie.h"
#include "crypto/hash.h"

static const u8 server_public[32] = { 0xaa, 1, 2, 3 };

static struct addr parsed(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, 0), 0);
	return a;
}

static void mac1_is_keyed_blake3_under_the_servers_name(void **state)
{
	u8 joined[12 + 32], key[32], expected_key[32], mac[16], expected[16];

	(void)state;
	memcpy(joined, "triglav mac1", 12);
	memcpy(joined + 12, server_public, 32);
	blake3(joined, sizeof(joined), expected_key);
	cookie_mac1_key(server_public, key);
	assert_memory_equal(key, expected_key, 32);

	blake3_keyed(key, "message", 7, expected, 16);
	cookie_mac(key, 32, "message", 7, mac);
	assert_memory_equal(mac, expected, 16);
	assert_true(cookie_mac_equal(mac, expected));
	for (u32 i = 0; i < 128; i++) {
		mac[i / 8] ^= (u8)(1u << i % 8);
		assert_false(cookie_mac_equal(mac, expected));
		mac[i / 8] ^= (u8)(1u << i % 8);
	}
}

static void mac2_depends_on_the_cookie_and_the_message(void **state)
{
	u8 cookie[16] = { 1 }, other[16] = { 2 }, padded[32] = { 1 }, a[16], b[16];

	(void)state;
	cookie_mac(cookie, 16, "message", 7, a);
	cookie_mac(cookie, 16, "message", 7, b);
	assert_true(cookie_mac_equal(a, b));
	cookie_mac(other, 16, "message", 7, b);
	assert_false(cookie_mac_equal(a, b));
	cookie_mac(cookie, 16, "messagf", 7, b);
	assert_false(cookie_mac_equal(a, b));
	cookie_mac(padded, 32, "message", 7, b);	/* a longer key is another key */
	assert_false(cookie_mac_equal(a, b));
}

static void a_cookie_belongs_to_one_address_and_port(void **state)
{
	static const char *const others[] = { "10.0.0.1:2", "10.0.0.2:1", "[a00:1::]:1", "[::ffff:a00:1:0]:1" };
	struct addr from = parsed("10.0.0.1:1");
	struct rand_source r;
	struct cookie_jar jar;
	u8 cookie[16], again[16];

	(void)state;
	rand_seeded(&r, 1);
	cookie_jar_init(&jar, server_public);
	cookie_for(&jar, &r, &from, 5 * SEC, cookie);
	cookie_for(&jar, &r, &from, 5 * SEC, again);
	assert_memory_equal(cookie, again, 16);
	for (u32 i = 0; i < ARRAY_SIZE(others); i++) {
		struct addr other = parsed(others[i]);

		cookie_for(&jar, &r, &other, 5 * SEC, again);
		assert_memory_not_equal(cookie, again, 16);
	}
}

static void a_cookie_lives_for_120_seconds(void **state)
{
	static const u64 births[] = { 0, 1, 1000 * SEC };
	struct addr from = parsed("[2001:db8::1]:7");

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(births); i++) {
		u8 cookie[16], again[16];
		struct cookie_jar jar;
		struct rand_source r;

		rand_seeded(&r, 1);
		cookie_jar_init(&jar, server_public);
		cookie_for(&jar, &r, &from, births[i], cookie);
		cookie_for(&jar, &r, &from, births[i] + COOKIE_LIFE_US - 1, again);
		assert_memory_equal(cookie, again, 16);
		cookie_for(&jar, &r, &from, births[i] + COOKIE_LIFE_US + 1, again);
		assert_memory_not_equal(cookie, again, 16);
	}
}

static void two_servers_give_different_cookies(void **state)
{
	struct addr from = parsed("10.0.0.1:1");
	struct cookie_jar one, two;
	struct rand_source r;
	u8 a[16], b[16];

	(void)state;
	rand_seeded(&r, 1);
	cookie_jar_init(&one, server_public);
	cookie_jar_init(&two, server_public);
	cookie_for(&one, &r, &from, SEC, a);
	cookie_for(&two, &r, &from, SEC, b);
	assert_memory_not_equal(a, b, 16);
}

static void only_the_asker_opens_a_cookie(void **state)
{
	u8 cookie[16] = { 7, 7, 7 }, got[16], mac1[16] = { 3 }, other_public[32] = { 1 };
	u8 nonce[24], nonce2[24], sealed[32];
	struct cookie_jar jar;
	struct rand_source r;

	(void)state;
	rand_seeded(&r, 2);
	cookie_jar_init(&jar, server_public);
	cookie_seal(&jar, &r, cookie, mac1, nonce2, sealed);
	cookie_seal(&jar, &r, cookie, mac1, nonce, sealed);
	assert_memory_not_equal(nonce, nonce2, 24);
	assert_int_equal(cookie_open(server_public, nonce, sealed, mac1, got), 0);
	assert_memory_equal(got, cookie, 16);
	assert_int_equal(cookie_open(other_public, nonce, sealed, mac1, got), -EBADMSG);
	assert_int_equal(cookie_open(server_public, nonce2, sealed, mac1, got), -EBADMSG);
	mac1[0] ^= 1;
	assert_int_equal(cookie_open(server_public, nonce, sealed, mac1, got), -EBADMSG);
	mac1[0] ^= 1;
	for (u32 i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_int_equal(cookie_open(server_public, nonce, sealed, mac1, got), -EBADMSG);
		sealed[i] ^= 1;
	}
	assert_int_equal(cookie_open(server_public, nonce, sealed, mac1, got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac1_is_keyed_blake3_under_the_servers_name),
		cmocka_unit_test(mac2_depends_on_the_cookie_and_the_message),
		cmocka_unit_test(a_cookie_belongs_to_one_address_and_port),
		cmocka_unit_test(a_cookie_lives_for_120_seconds),
		cmocka_unit_test(two_servers_give_different_cookies),
		cmocka_unit_test(only_the_asker_opens_a_cookie),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
