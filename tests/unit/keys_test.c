// SPDX-License-Identifier: MIT
/* keys_test.c - key strings: round trips, the layout byte by byte, and what each error says */
#include "unit/unit.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "crypto/keys.h"

#define BINARY_MAX 768u

static struct addr parsed(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, 0), 0);
	return a;
}

/* A tg1_ key with one address; fields are added by the tests. */
static struct key_string plain_key(void)
{
	struct key_string k = { .addr_count = 1 };

	for (u32 i = 0; i < 32; i++)
		k.server_public[i] = (u8)(200 + i);
	k.addrs[0] = parsed("192.0.2.7:7443");
	return k;
}

static struct key_string full_key(void)
{
	struct key_string k = plain_key();

	k.has_client = true;
	memset(k.client_id, 0x11, 8);
	memset(k.client_secret, 0xfb, 32);	/* "-" and "_" in base64url */
	k.addr_count = KEYS_MAX_ADDRS;
	for (u32 i = 0; i < KEYS_MAX_ADDRS; i++)
		k.addrs[i] = parsed(i % 2 ? "198.51.100.1:65535" : "[2001:db8::9]:1");
	memset(k.host, 'h', 253);
	k.host_port = 443;
	k.suites = 1u << 1 | 1u << 2;
	k.tcp_port = 8443;
	return k;
}

static void assert_same(const struct key_string *a, const struct key_string *b)
{
	assert_memory_equal(a->server_public, b->server_public, 32);
	assert_int_equal(a->has_client, b->has_client);
	assert_memory_equal(a->client_id, b->client_id, 8);
	assert_memory_equal(a->client_secret, b->client_secret, 32);
	assert_int_equal(a->addr_count, b->addr_count);
	for (u32 i = 0; i < a->addr_count; i++)
		assert_true(addr_equal(&a->addrs[i], &b->addrs[i]));
	assert_string_equal(a->host, b->host);
	assert_int_equal(a->host_port, b->host_port);
	assert_int_equal(a->suites, b->suites);
	assert_int_equal(a->tcp_port, b->tcp_port);
}

static void assert_round_trip(const struct key_string *k)
{
	char text[KEYS_TEXT_BYTES], error[KEYS_ERROR_BYTES];
	struct key_string got;

	assert_int_equal(keys_format(k, text, sizeof(text)), 0);
	assert_int_equal(keys_parse(&got, text, error), 0);
	assert_string_equal(error, "");
	assert_same(k, &got);
	for (size_t room = 0; room <= strlen(text); room++) {
		char small[KEYS_TEXT_BYTES];

		assert_int_equal(keys_format(k, small, room), -ENOSPC);
	}
}

static void keys_come_back_as_they_were(void **state)
{
	struct key_string k = plain_key(), full = full_key();

	(void)state;
	assert_round_trip(&k);
	assert_round_trip(&full);
	k.addr_count = 0;
	strcpy(k.host, "vpn.example.org");
	k.host_port = 7443;
	assert_round_trip(&k);
	k.has_client = true;
	assert_round_trip(&k);
}

/* Builds a key string from bytes, so that the layout is tested and not only its inverse. */
static char *text_of(const char *prefix, const u8 *binary, size_t n)
{
	static char text[KEYS_TEXT_BYTES + 64];

	strcpy(text, prefix);
	sodium_bin2base64(text + strlen(prefix), sizeof(text) - strlen(prefix), binary, n,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return text;
}

static size_t with_check(u8 *binary, size_t n)
{
	u8 hash[32];

	blake3(binary, n, hash);
	binary[n] = 0x1f;
	binary[n + 1] = 4;
	memcpy(binary + n + 2, hash, 4);
	return n + 6;
}

static void the_layout_is_the_documented_one(void **state)
{
	u8 binary[BINARY_MAX] = { 0 }, expected[BINARY_MAX];
	struct key_string k = plain_key();
	char text[KEYS_TEXT_BYTES];
	size_t n = 0;

	(void)state;
	k.addr_count = 2;
	k.addrs[1] = parsed("[2001:db8::1]:443");
	strcpy(k.host, "a.b");
	k.host_port = 0x1234;
	k.suites = 4;
	k.tcp_port = 0x01bb;

	memcpy(expected, k.server_public, 32);
	n = 32;
	memcpy(expected + n, "\x01\xc0\x00\x02\x07\x1d\x13", 7);
	n += 7;
	memcpy(expected + n, "\x02\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb", 19);
	n += 19;
	memcpy(expected + n, "\x10\x05\x12\x34" "a.b", 7);
	n += 7;
	memcpy(expected + n, "\x11\x01\x04\x12\x02\x01\xbb", 7);
	n += 7;
	n = with_check(expected, n);

	assert_int_equal(keys_format(&k, text, sizeof(text)), 0);
	assert_memory_equal(text, "tg1_", 4);
	assert_int_equal(keys_from_base64url(text + 4, strlen(text) - 4, binary, sizeof(binary)), n);
	assert_memory_equal(binary, expected, n);
	assert_string_equal(text_of("tg1_", expected, n), text);
}

/* A public key with these items behind it. */
static char *key_of_items(const void *items, size_t n, bool check)
{
	u8 binary[BINARY_MAX] = { 5 };

	memcpy(binary + 32, items, n);
	n += 32;
	return text_of("tg1_", binary, check ? with_check(binary, n) : n);
}

#define ADDRESS "\x01\x0a\0\0\x01\x1d\x13"	/* 10.0.0.1:7443 */

static const struct {
	const char *items;
	size_t len;
	bool check;
	const char *error;	/* a part of it; NULL: accepted */
} item_cases[] = {
	{ ADDRESS, 7, false, NULL },
	{ ADDRESS, 7, true, NULL },
	{ ADDRESS "\x55\x03xyz", 12, true, NULL },			/* unknown: skipped */
	{ "\x55\x00" ADDRESS, 9, true, NULL },				/* order does not matter */
	{ ADDRESS "\xff\x00", 9, false, NULL },
	{ "\x10\x03\0\x01" "h", 5, true, NULL },
	{ "", 0, false, "no address" },
	{ "", 0, true, "no address" },
	{ "\x55\x03xyz", 5, true, "no address" },
	{ ADDRESS, 6, false, "cut off" },
	{ "\x02\x20\x01\x0d\xb8", 5, false, "cut off" },
	{ ADDRESS "\x55", 8, false, "cut off" },
	{ ADDRESS "\x55\x04xyz", 12, false, "cut off" },
	{ ADDRESS "\x1f\x04" "ab", 11, false, "cut off" },
	{ ADDRESS "\x1f\x04" "abcd", 13, false, "check does not match" },
	{ ADDRESS "\x1f\x05" "abcde", 14, false, "check of 5 bytes" },
	{ ADDRESS "\x00", 8, true, "unknown type 0" },
	{ ADDRESS "\x03\x01", 9, true, "unknown type 3" },
	{ ADDRESS "\x0f\x01", 9, true, "unknown type 15" },
	{ "\x01\x0a\0\0\x01\0\0", 7, true, "port 0" },
	{ "\x10\x03\0\0" "h", 5, true, "port 0" },
	{ "\x10\x02\0\x01", 4, true, "host name" },
	{ "\x10\x00", 2, true, "host name" },
	{ "\x10\x06\0\x01" "a\nbc", 8, true, "letters that no host name has" },
	{ "\x10\x06\0\x01" "a\0bc", 8, true, "letters that no host name has" },
	{ "\x10\x03\0\x01h\x10\x03\0\x01i", 10, true, "two host names" },
	{ ADDRESS "\x11\x00", 9, true, "ciphers" },
	{ ADDRESS "\x11\x01\0", 10, true, "ciphers" },
	{ ADDRESS "\x11\x02\x01\x01", 11, true, "ciphers" },
	{ ADDRESS "\x12\x01\x01", 10, true, "TCP port" },
	{ ADDRESS "\x12\x02\0\0", 11, true, "TCP port" },
};

static void items_are_read_or_refused_by_name(void **state)
{
	char error[KEYS_ERROR_BYTES];
	struct key_string k;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(item_cases); i++) {
		char *text = key_of_items(item_cases[i].items, item_cases[i].len, item_cases[i].check);
		int err = keys_parse(&k, text, error);

		if (!item_cases[i].error) {
			assert_int_equal(err, 0);
			continue;
		}
		assert_int_equal(err, -EINVAL);
		if (!strstr(error, item_cases[i].error))
			fail_msg("case %zu: \"%s\" does not say \"%s\"", i, error, item_cases[i].error);
		assert_true(sodium_is_zero((const u8 *)&k, sizeof(k)));
	}
}

static void nothing_may_follow_the_check(void **state)
{
	char error[KEYS_ERROR_BYTES];
	u8 binary[BINARY_MAX] = { 5 };
	struct key_string k;
	size_t n;

	(void)state;
	memcpy(binary + 32, ADDRESS, 7);
	n = with_check(binary, 39);
	assert_int_equal(keys_parse(&k, text_of("tg1_", binary, n), error), 0);
	memcpy(binary + n, ADDRESS, 7);
	assert_int_equal(keys_parse(&k, text_of("tg1_", binary, n + 7), error), -EINVAL);
	assert_non_null(strstr(error, "goes on behind its end"));
	n = with_check(binary, n + 7);
	assert_int_equal(keys_parse(&k, text_of("tg1_", binary, n), error), -EINVAL);
	assert_non_null(strstr(error, "goes on behind its end"));
}

static void too_many_addresses_are_refused(void **state)
{
	u8 items[7 * (KEYS_MAX_ADDRS + 1)];
	char error[KEYS_ERROR_BYTES];
	struct key_string k;

	(void)state;
	for (u32 i = 0; i <= KEYS_MAX_ADDRS; i++)
		memcpy(items + 7 * i, ADDRESS, 7);
	assert_int_equal(keys_parse(&k, key_of_items(items, 7 * KEYS_MAX_ADDRS, true), error), 0);
	assert_int_equal(k.addr_count, KEYS_MAX_ADDRS);
	assert_int_equal(keys_parse(&k, key_of_items(items, sizeof(items), true), error), -EINVAL);
	assert_non_null(strstr(error, "more than 8 addresses"));
}

static const struct {
	const char *before, *behind;	/* put around a good key string */
	size_t skip;			/* letters of it left out at the start */
	const char *error;
} text_cases[] = {
	{ "", "", 0, NULL },
	{ " \t\n", "\r\n ", 0, NULL },
	{ "tg3_", "", 4, "starts with tg1_ or tg2_" },
	{ "TG1_", "", 4, "starts with tg1_ or tg2_" },
	{ "", "", 4, "starts with tg1_ or tg2_" },
	{ "tg1", "", 4, "starts with tg1_ or tg2_" },
	{ "x", "", 0, "starts with tg1_ or tg2_" },
	{ "tg1_!", "", 4, "'!' at position 5" },
	{ "tg1_ ", "", 4, "' ' at position 5" },
	{ "tg1_AA\x01", "", 4, "byte 0x01 at position 7" },
	{ "tg1_\xc3\xa9", "", 4, "byte 0xc3 at position 5" },
	{ "", "=", 0, "'='" },
	{ "", "+/", 0, "'+'" },
	{ "", "\nmore", 0, "byte 0x0a" },
	{ "tg2_", "", 4, "key string" },
};

static void text_around_a_key_is_refused_by_name(void **state)
{
	char good[KEYS_TEXT_BYTES], text[KEYS_TEXT_BYTES + 64], error[KEYS_ERROR_BYTES];
	struct key_string k = plain_key(), got;

	(void)state;
	assert_int_equal(keys_format(&k, good, sizeof(good)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(text_cases); i++) {
		int err;

		snprintf(text, sizeof(text), "%s%s%s", text_cases[i].before, good + text_cases[i].skip,
			 text_cases[i].behind);
		err = keys_parse(&got, text, error);
		assert_int_equal(err, text_cases[i].error ? -EINVAL : 0);
		if (err && !strstr(error, text_cases[i].error))
			fail_msg("case %zu: \"%s\" does not say \"%s\"", i, error, text_cases[i].error);
	}
	assert_int_equal(keys_parse(&got, "", error), -EINVAL);
	assert_non_null(strstr(error, "empty"));
	assert_int_equal(keys_parse(&got, "tg1_", error), -EINVAL);
	assert_non_null(strstr(error, "cut off"));
}

static void endless_text_is_refused(void **state)
{
	char text[3 * KEYS_TEXT_BYTES], error[KEYS_ERROR_BYTES];
	struct key_string k;

	(void)state;
	memset(text, 'A', sizeof(text));
	memcpy(text, "tg1_", 4);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(keys_parse(&k, text, error), -EINVAL);
	assert_non_null(strstr(error, "longer"));
}

/* Cut anywhere: refused, whatever the number of letters. One place cannot be told apart: right
 * before the check, where a key string of earlier days would end. */
static void every_cut_is_noticed(void **state)
{
	char text[KEYS_TEXT_BYTES], error[KEYS_ERROR_BYTES];
	struct key_string k = full_key(), got;
	size_t len, unnoticed = 0;

	(void)state;
	assert_int_equal(keys_format(&k, text, sizeof(text)), 0);
	for (len = strlen(text) - 1; len > 0; len--) {
		text[len] = '\0';
		if (!keys_parse(&got, text, error)) {
			unnoticed++;
			assert_true(got.addr_count > 0);
		} else {
			assert_true(strlen(error) > 10);
		}
	}
	/* Letters carry 6 bits: only ends of items that fall on a letter's edge get through. */
	assert_true(unnoticed <= KEYS_MAX_ADDRS + 4);
}

/* The check is 32 bits: in these few thousand changes none goes unseen, but in the two letters
 * that hold the check's own type: it then looks like an item of a later version. */
static void every_mistyped_letter_is_noticed(void **state)
{
	static const char letters[] = "Aa0-_z";
	char text[KEYS_TEXT_BYTES], error[KEYS_ERROR_BYTES];
	struct key_string k = full_key(), got;
	size_t len, changed = 0;

	(void)state;
	assert_int_equal(keys_format(&k, text, sizeof(text)), 0);
	len = strlen(text);
	for (size_t at = 4; at < len; at++) {
		char was = text[at];

		if (at == len - 9 || at == len - 8)
			continue;

		for (size_t i = 0; i + 1 < sizeof(letters); i++) {
			if (letters[i] == was)
				continue;
			text[at] = letters[i];
			assert_int_equal(keys_parse(&got, text, error), -EINVAL);
			changed++;
		}
		text[at] = was;
	}
	assert_true(changed > 5 * (len - 10));
}

static void incomplete_keys_are_not_written(void **state)
{
	char text[KEYS_TEXT_BYTES];
	struct key_string k = plain_key();

	(void)state;
	k.addr_count = 0;
	assert_int_equal(keys_format(&k, text, sizeof(text)), -EINVAL);
	k = plain_key();
	k.addrs[0].family = 0;
	assert_int_equal(keys_format(&k, text, sizeof(text)), -EINVAL);
	k = plain_key();
	k.addrs[0].port = 0;
	assert_int_equal(keys_format(&k, text, sizeof(text)), -EINVAL);
	k = plain_key();
	k.addr_count = KEYS_MAX_ADDRS + 1;
	assert_int_equal(keys_format(&k, text, sizeof(text)), -EINVAL);
	k = full_key();
	k.host[3] = ' ';
	assert_int_equal(keys_format(&k, text, sizeof(text)), -EINVAL);
	memset(k.host, 'h', sizeof(k.host));
	k.host[254] = '\0';
	assert_int_equal(keys_format(&k, text, sizeof(text)), -EINVAL);
}

/* RFC 4648, section 10, in the URL alphabet and without padding. */
static const struct {
	const char *bytes, *text;
} base64s[] = {
	{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" }, { "\xfb\xff\xbf", "-_-_" },
};
static const char *const bad_base64s[] = { "Z", "Zh", "Zm9", "Zg==", "Zm9v\n", "Zm+v", "Zm/v", "Zm9vA" };

static void base64url_is_exact(void **state)
{
	char text[16];
	u8 bytes[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(base64s); i++) {
		size_t n = strlen(base64s[i].bytes), len = strlen(base64s[i].text);

		assert_int_equal(keys_base64url((const u8 *)base64s[i].bytes, n, text, sizeof(text)), len);
		assert_string_equal(text, base64s[i].text);
		assert_int_equal(keys_base64url((const u8 *)base64s[i].bytes, n, text, len), 0);
		assert_int_equal(keys_from_base64url(base64s[i].text, len, bytes, sizeof(bytes)), n);
		assert_memory_equal(bytes, base64s[i].bytes, n);
		if (n)
			assert_int_equal(keys_from_base64url(base64s[i].text, len, bytes, n - 1), -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_base64s); i++)
		assert_int_equal(keys_from_base64url(bad_base64s[i], strlen(bad_base64s[i]), bytes, sizeof(bytes)),
				 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_back_as_they_were),
		cmocka_unit_test(the_layout_is_the_documented_one),
		cmocka_unit_test(items_are_read_or_refused_by_name),
		cmocka_unit_test(nothing_may_follow_the_check),
		cmocka_unit_test(too_many_addresses_are_refused),
		cmocka_unit_test(text_around_a_key_is_refused_by_name),
		cmocka_unit_test(endless_text_is_refused),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(every_mistyped_letter_is_noticed),
		cmocka_unit_test(incomplete_keys_are_not_written),
		cmocka_unit_test(base64url_is_exact),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
