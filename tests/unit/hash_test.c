// SPDX-License-Identifier: MIT
/* hash_test.c - BLAKE3 on its published vectors, HMAC on RFC 4231's and libsodium's, HKDF on both */
#include "unit/unit.h"

#include "unit/vectors.h"

#include "crypto/hash.h"

#define INPUT_MAX 200000u

/* The input of BLAKE3's vectors: 0, 1, ... 250, 0, 1, ... */
static u8 *counting_input(void)
{
	u8 *input = malloc(INPUT_MAX);

	assert_non_null(input);
	for (u32 i = 0; i < INPUT_MAX; i++)
		input[i] = (u8)(i % 251);
	return input;
}

/* The vectors' third column, derive_key, is a mode nothing here uses. */
static void blake3_gives_the_published_outputs(void **state)
{
	json_t *root = vectors_load("blake3.json"), *one;
	const char *key = vector_text(root, "key");
	u8 *input = counting_input();
	u32 checked = 0;
	size_t i;

	(void)state;
	assert_int_equal(strlen(key), 32);
	json_array_foreach(json_object_get(root, "cases"), i, one) {
		size_t len = (size_t)json_integer_value(json_object_get(one, "input_len"));
		u8 expected[256], got[256];
		size_t n = vector_hex(one, "hash", expected, sizeof(expected));

		assert_true(len <= INPUT_MAX && n >= 32);
		blake3(input, len, got);
		assert_memory_equal(got, expected, 32);
		hash_blake3.digest(input, len / 3, input + len / 3, len - len / 3, got);
		assert_memory_equal(got, expected, 32);

		n = vector_hex(one, "keyed_hash", expected, sizeof(expected));
		blake3_keyed((const u8 *)key, input, len, got, n);
		assert_memory_equal(got, expected, n);
		checked++;
	}
	print_message("%u BLAKE3 vectors: hash and keyed_hash (derive_key: not a mode we use)\n", checked);
	assert_true(checked > 0);
	free(input);
	json_decref(root);
}

/* RFC 4231, test cases 1, 2 and 6 (key longer than a block). */
static const struct {
	u8 key_byte;
	u32 key_len;
	const char *key, *data, *sha256, *sha512;
} hmacs[] = {
	{ 0x0b, 20, NULL, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	  "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	  "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
	{ 0, 4, "Jefe", "what do ya want for nothing?",
	  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
	  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
	{ 0xaa, 131, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
	  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	  "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
	  "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
};

static void assert_hmac(const struct hash *h, const u8 *key, size_t key_len, const char *data, const char *hex)
{
	u8 expected[HASH_MAX_BYTES], got[HASH_MAX_BYTES];
	size_t n;

	assert_int_equal(sodium_hex2bin(expected, sizeof(expected), hex, strlen(hex), NULL, &n, NULL), 0);
	assert_int_equal(n, h->bytes);
	hash_hmac(h, key, key_len, data, strlen(data), got);
	assert_memory_equal(got, expected, n);
}

static void hmac_gives_the_outputs_of_rfc_4231(void **state)
{
	u8 key[131];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hmacs); i++) {
		memset(key, hmacs[i].key_byte, sizeof(key));
		if (hmacs[i].key)
			memcpy(key, hmacs[i].key, hmacs[i].key_len);
		assert_hmac(&hash_sha256, key, hmacs[i].key_len, hmacs[i].data, hmacs[i].sha256);
		assert_hmac(&hash_sha512, key, hmacs[i].key_len, hmacs[i].data, hmacs[i].sha512);
	}
}

/* HMAC-BLAKE3 written out by the definition, with BLAKE3 itself checked above. */
static void hmac_over_blake3_is_hmac(void **state)
{
	u8 key[32], block[64 + 32], expected[32], got[32];

	(void)state;
	memset(key, 0x5a, sizeof(key));
	memset(block, 0x36, 64);
	for (u32 i = 0; i < 32; i++)
		block[i] ^= key[i];
	memcpy(block + 64, "message", 7);
	blake3(block, 64 + 7, got);
	memset(block, 0x5c, 64);
	for (u32 i = 0; i < 32; i++)
		block[i] ^= key[i];
	memcpy(block + 64, got, 32);
	blake3(block, 64 + 32, expected);

	hash_hmac(&hash_blake3, key, sizeof(key), "message", 7, got);
	assert_memory_equal(got, expected, 32);
}

/* Noise's HKDF is RFC 5869's with an empty info, the chaining key as salt. RFC 5869, test case 3
 * has neither salt nor info: a chaining key of zeros. Its 42 bytes are one output and ten bytes. */
static void hkdf_gives_the_output_of_rfc_5869(void **state)
{
	static const char okm[] = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
				  "9d201395faa4b61a96c8";
	u8 zeros[32] = { 0 }, input[22], expected[42], one[32], two[32], three[32], again[32];

	(void)state;
	memset(input, 0x0b, sizeof(input));
	assert_int_equal(sodium_hex2bin(expected, sizeof(expected), okm, strlen(okm), NULL, NULL, NULL), 0);
	hash_hkdf(&hash_sha256, zeros, input, sizeof(input), 2, one, two, NULL);
	assert_memory_equal(one, expected, 32);
	assert_memory_equal(two, expected + 32, 10);

	hash_hkdf(&hash_sha256, zeros, input, sizeof(input), 3, one, again, three);
	assert_memory_equal(again, two, 32);
	assert_memory_not_equal(three, two, 32);
	hash_hkdf(&hash_sha256, zeros, input, sizeof(input), 3, zeros, again, three);	/* in place */
	assert_memory_equal(zeros, expected, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blake3_gives_the_published_outputs),
		cmocka_unit_test(hmac_gives_the_outputs_of_rfc_4231),
		cmocka_unit_test(hmac_over_blake3_is_hmac),
		cmocka_unit_test(hkdf_gives_the_output_of_rfc_5869),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
