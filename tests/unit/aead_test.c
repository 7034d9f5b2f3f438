// SPDX-License-Identifier: MIT
/* aead_test.c - both backends on published vectors and against each other; batches; forgeries */
#include "unit/unit.h"

#include "unit/vectors.h"

#include <errno.h>
#include <pthread.h>

#include "base/rand.h"
#include "crypto/aead_bench.h"
#include "crypto/aead_ops.h"

#define MAX_LEN 1904u

static const enum aead_suite suites[] = { AEAD_CHACHAPOLY, AEAD_AESGCM };
static const enum aead_backend backends[] = { AEAD_SODIUM, AEAD_IPSEC_MB };

static const u8 (*one_nonce(const u8 *nonce))[AEAD_NONCE_BYTES]
{
	return (const u8 (*)[AEAD_NONCE_BYTES])nonce;
}

/* Runs f on each backend that can do the suite; returns how many. */
static u32 for_each_backend(enum aead_suite suite, void (*f)(const struct aead_ops *ops, enum aead_suite suite))
{
	u32 runs = 0;

	for (u32 i = 0; i < ARRAY_SIZE(backends); i++) {
		const struct aead_ops *ops = aead_backend_ops(backends[i], suite);

		if (!ops)
			continue;
		f(ops, suite);
		runs++;
	}
	return runs;
}

static void for_each(void (*f)(const struct aead_ops *ops, enum aead_suite suite))
{
	assert_true(for_each_backend(AEAD_CHACHAPOLY, f) >= 1);
	if (aead_has(AEAD_AESGCM))
		assert_true(for_each_backend(AEAD_AESGCM, f) >= 1);
}

/* --- published vectors --- */

struct vector {
	u8 key[32], nonce[12], ad[1024], plain[1024], sealed[1024 + 16];
	u16 ad_len, len;
	bool valid;
};

static void check_vector(const struct aead_ops *ops, enum aead_suite suite, const struct vector *v)
{
	u8 state[1152] __attribute__((aligned(AEAD_STATE_ALIGN)));
	u8 got[sizeof(v->sealed)];
	struct aead_job job = { .ad = v->ad, .ad_len = v->ad_len, .in = v->plain, .out = got, .len = v->len };

	assert_true(ops->state_bytes(suite) <= sizeof(state));
	ops->expand(suite, v->key, state);
	ops->seal(suite, state, one_nonce(v->nonce), &job, 1);
	assert_int_equal(!memcmp(got, v->sealed, v->len + 16u), v->valid);

	job.in = v->sealed;
	ops->open(suite, state, one_nonce(v->nonce), &job, 1);
	assert_int_equal(job.ok, v->valid);
	if (v->valid)
		assert_memory_equal(got, v->plain, v->len);

	memcpy(got, v->sealed, v->len + 16u);
	job.in = got;
	ops->open(suite, state, one_nonce(v->nonce), &job, 1);
	assert_int_equal(job.ok, v->valid);
	if (v->valid)
		assert_memory_equal(got, v->plain, v->len);
}

static void check_on_all(enum aead_suite suite, const struct vector *v)
{
	u32 runs = 0;

	for (u32 i = 0; i < ARRAY_SIZE(backends); i++) {
		const struct aead_ops *ops = aead_backend_ops(backends[i], suite);

		if (ops) {
			check_vector(ops, suite, v);
			runs++;
		}
	}
	assert_true(runs > 0);
}

static void chachapoly_gives_the_published_outputs(void **state)
{
	json_t *root = vectors_load("chacha20_poly1305.json");
	const json_t *group, *one;
	u32 checked = 0, invalid = 0, other_nonce = 0;
	size_t i, j;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group) {
		if (json_integer_value(json_object_get(group, "ivSize")) != 96) {
			other_nonce += (u32)json_array_size(json_object_get(group, "tests"));
			continue;
		}
		json_array_foreach(json_object_get(group, "tests"), j, one) {
			struct vector v = { .valid = !strcmp(vector_text(one, "result"), "valid") };

			vector_hex(one, "key", v.key, sizeof(v.key));
			vector_hex(one, "iv", v.nonce, sizeof(v.nonce));
			v.ad_len = (u16)vector_hex(one, "aad", v.ad, sizeof(v.ad));
			v.len = (u16)vector_hex(one, "msg", v.plain, sizeof(v.plain));
			assert_int_equal(vector_hex(one, "ct", v.sealed, sizeof(v.sealed)), v.len);
			vector_hex(one, "tag", v.sealed + v.len, 16);
			check_on_all(AEAD_CHACHAPOLY, &v);
			checked++;
			invalid += !v.valid;
		}
	}
	print_message("%u ChaCha20-Poly1305 vectors, %u of them invalid; %u left out (nonce not 96 bits)\n", checked,
		      invalid, other_nonce);
	assert_true(checked > 0 && invalid > 0 && invalid < checked);
	json_decref(root);
}

/* Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation". */
static void aesgcm_gives_the_published_output(void **state)
{
	static const char key[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
	static const char nonce[] = "cafebabefacedbaddecaf888", ad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
	static const char plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
				    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
	static const char sealed[] = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
				     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
				     "76fc6ece0f4e1768cddf8853bb2d551b";
	struct vector v = { .ad_len = 20, .len = 60, .valid = true };

	(void)state;
	if (!aead_has(AEAD_AESGCM)) {
		print_message("skipped: this CPU has no AES instructions\n");
		skip();
	}
	sodium_hex2bin(v.key, 32, key, strlen(key), NULL, NULL, NULL);
	sodium_hex2bin(v.nonce, 12, nonce, strlen(nonce), NULL, NULL, NULL);
	sodium_hex2bin(v.ad, sizeof(v.ad), ad, strlen(ad), NULL, NULL, NULL);
	sodium_hex2bin(v.plain, sizeof(v.plain), plain, strlen(plain), NULL, NULL, NULL);
	sodium_hex2bin(v.sealed, sizeof(v.sealed), sealed, strlen(sealed), NULL, NULL, NULL);
	check_on_all(AEAD_AESGCM, &v);
	v.sealed[3] ^= 1;
	v.valid = false;
	check_on_all(AEAD_AESGCM, &v);
}

/* --- the two backends --- */

static void backends_agree_at_every_length(void **state)
{
	static u8 plain[MAX_LEN], ad[16], a[MAX_LEN + 16], b[MAX_LEN + 16];
	struct rand_source r;
	u8 key[32];

	(void)state;
	if (!aead_backend_ops(AEAD_IPSEC_MB, AEAD_CHACHAPOLY) && !aead_backend_ops(AEAD_IPSEC_MB, AEAD_AESGCM)) {
		print_message("skipped: IPsec-MB is not here\n");
		skip();
	}
	rand_seeded(&r, 11);
	rand_fill(&r, plain, sizeof(plain));
	rand_fill(&r, ad, sizeof(ad));
	for (u32 s = 0; s < ARRAY_SIZE(suites); s++) {
		const struct aead_ops *ops[2] = { &aead_sodium_ops, aead_backend_ops(AEAD_IPSEC_MB, suites[s]) };
		struct aead_key *keys[2];

		if (!ops[1])
			continue;
		rand_fill(&r, key, sizeof(key));
		for (u32 i = 0; i < 2; i++)
			assert_non_null(keys[i] = aead_key_new_on(ops[i], suites[s], key));
		for (u32 len = 0; len <= MAX_LEN; len++) {
			struct aead_job job = { .number = rand_u64(&r), .ad = ad, .ad_len = (u16)(len % 17),
						.in = plain, .out = a, .len = (u16)len };

			aead_seal(keys[0], &job, 1);
			job.out = b;
			aead_seal(keys[1], &job, 1);
			assert_memory_equal(a, b, len + 16);
			job.in = a;
			assert_int_equal(aead_open(keys[1], &job, 1), 1);
			assert_memory_equal(b, plain, len);
		}
		aead_key_free(keys[0]);
		aead_key_free(keys[1]);
	}
}

/* libsodium with one bit wrong in packets of one length: the self-test must see it. */
static u32 bits_changed;
static u16 broken_length;

static void broken_seal(enum aead_suite suite, const void *key, const u8 (*nonces)[AEAD_NONCE_BYTES],
			struct aead_job *jobs, u32 n)
{
	aead_sodium_ops.seal(suite, key, nonces, jobs, n);
	if (jobs[0].len == broken_length) {
		jobs[0].out[7] ^= 1;
		bits_changed++;
	}
}

static void believing_open(enum aead_suite suite, const void *key, const u8 (*nonces)[AEAD_NONCE_BYTES],
			   struct aead_job *jobs, u32 n)
{
	aead_sodium_ops.open(suite, key, nonces, jobs, n);
	for (u32 i = 0; i < n; i++)
		jobs[i].ok = true;
}

static void the_self_test_sees_a_broken_backend(void **state)
{
	static const u16 broken_lengths[] = { 0, 15, 17, 1420, 1500 };
	struct aead_ops broken = aead_sodium_ops, believing = aead_sodium_ops;

	(void)state;
	broken.seal = broken_seal;
	believing.open = believing_open;
	assert_true(aead_self_test(&aead_sodium_ops, &aead_sodium_ops, AEAD_CHACHAPOLY));
	assert_false(aead_self_test(&believing, &aead_sodium_ops, AEAD_CHACHAPOLY));
	for (u32 i = 0; i < ARRAY_SIZE(broken_lengths); i++) {
		broken_length = broken_lengths[i];
		assert_false(aead_self_test(&broken, &aead_sodium_ops, AEAD_CHACHAPOLY));
	}
	assert_true(bits_changed >= ARRAY_SIZE(broken_lengths));
}

/* --- batches, numbers and forgeries, through the public calls --- */

#define PACKETS 100u	/* several batches of the inner loops, and a rest */
#define STRIDE 1600u

struct batch {
	struct aead_job jobs[PACKETS];
	u8 header[PACKETS][16];
	u8 plain[PACKETS][STRIDE], work[PACKETS][STRIDE];
};

static struct batch batch;

static void make_batch(void)
{
	struct rand_source r;

	rand_seeded(&r, 5);
	rand_fill(&r, &batch, sizeof(batch));
	for (u32 i = 0; i < PACKETS; i++) {
		batch.jobs[i] = (struct aead_job){ .number = 1000 + i, .ad = batch.header[i], .ad_len = i % 2 ? 12 : 16,
						   .in = batch.work[i], .out = batch.work[i],
						   .len = (u16)(i * 37 % (STRIDE - 16)) };
		memcpy(batch.work[i], batch.plain[i], batch.jobs[i].len);
	}
}

static struct aead_key *some_key(const struct aead_ops *ops, enum aead_suite suite)
{
	static const u8 secret[32] = { 9, 8, 7 };
	struct aead_key *key = aead_key_new_on(ops, suite, secret);

	assert_non_null(key);
	return key;
}

/* In place; every seventh is damaged in the ciphertext, the tag, the header or the number. */
static void forgeries_in_a_batch(const struct aead_ops *ops, enum aead_suite suite)
{
	static const u8 zeros[STRIDE];
	struct aead_key *key = some_key(ops, suite);
	u32 authentic = 0;

	make_batch();
	aead_seal(key, batch.jobs, PACKETS);
	for (u32 i = 0; i < PACKETS; i += 7) {
		switch (i / 7 % 4) {
		case 0: batch.work[i][0] ^= 0x80; break;	/* of packet 0, empty: its tag */
		case 1: batch.work[i][batch.jobs[i].len + 15] ^= 1; break;
		case 2: batch.header[i][11] ^= 1; break;
		case 3: batch.jobs[i].number++; break;
		}
	}
	authentic = aead_open(key, batch.jobs, PACKETS);
	assert_int_equal(authentic, PACKETS - (PACKETS + 6) / 7);
	for (u32 i = 0; i < PACKETS; i++) {
		assert_int_equal(batch.jobs[i].ok, i % 7 != 0);
		assert_memory_equal(batch.work[i], batch.jobs[i].ok ? batch.plain[i] : zeros, batch.jobs[i].len);
	}
	aead_key_free(key);
}

static void forged_packets_are_found_and_zeroed(void **state)
{
	(void)state;
	for_each(forgeries_in_a_batch);
}

static void flip_every_bit(const struct aead_ops *ops, enum aead_suite suite)
{
	u8 header[12] = { 1, 2, 3 }, plain[45] = { 4, 5, 6 }, sealed[45 + 16], out[45];
	struct aead_key *key = some_key(ops, suite);
	struct aead_job job = { .number = 1ull << 33, .ad = header, .ad_len = 12, .in = plain, .out = sealed, .len = 45 };

	aead_seal(key, &job, 1);
	job.in = sealed;
	job.out = out;
	for (u32 bit = 0; bit < 8 * (sizeof(header) + sizeof(sealed)); bit++) {
		u8 *byte = bit / 8 < sizeof(header) ? &header[bit / 8] : &sealed[bit / 8 - sizeof(header)];

		*byte ^= (u8)(1u << bit % 8);
		assert_int_equal(aead_open(key, &job, 1), 0);
		assert_true(sodium_is_zero(out, sizeof(out)));
		*byte ^= (u8)(1u << bit % 8);
	}
	for (u32 bit = 0; bit < 64; bit++) {
		job.number ^= 1ull << bit;
		assert_int_equal(aead_open(key, &job, 1), 0);
		job.number ^= 1ull << bit;
	}
	assert_int_equal(aead_open(key, &job, 1), 1);
	assert_memory_equal(out, plain, sizeof(plain));
	aead_key_free(key);
}

static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	for_each(flip_every_bit);
}

static void nonces_are_laid_out_as_noise_says(void **state)
{
	static const u8 chacha[12] = { 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1 };
	static const u8 aes[12] = { 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	u8 nonce[AEAD_NONCE_BYTES];

	(void)state;
	aead_nonce(AEAD_CHACHAPOLY, 0x0102030405060708ull, nonce);
	assert_memory_equal(nonce, chacha, 12);
	aead_nonce(AEAD_AESGCM, 0x0102030405060708ull, nonce);
	assert_memory_equal(nonce, aes, 12);
}

static void the_backend_can_be_chosen(void **state)
{
	u8 key[32] = { 1 }, out[2][4 + 16];

	(void)state;
	for (u32 s = 0; s < ARRAY_SIZE(suites) && aead_has(suites[s]); s++) {
		u32 made = 0;

		for (u32 i = 0; i < ARRAY_SIZE(backends); i++) {
			struct aead_job job = { .number = 3, .in = (const u8 *)"test", .out = out[i], .len = 4 };
			struct aead_key *k;

			if (aead_use(backends[i])) {
				assert_null(aead_backend_ops(backends[i], suites[s]));
				continue;
			}
			assert_string_equal(aead_backend_name(suites[s]), aead_backend_ops(backends[i], suites[s])->name);
			assert_non_null(k = aead_key_new(suites[s], key));
			aead_seal(k, &job, 1);
			aead_key_free(k);
			made++;
		}
		if (made == 2)
			assert_memory_equal(out[0], out[1], sizeof(out[0]));
	}
	assert_false(aead_has(0));
	assert_false(aead_has(3));
	assert_null(aead_key_new(3, key));
	assert_int_equal(aead_use(7), -ENOSYS);
	assert_int_equal(aead_init(), 0);	/* back to the default choice */
}

/* The memory stays ours (chunks are kept), so looking at it after is allowed. */
static void freed_keys_are_wiped(const struct aead_ops *ops, enum aead_suite suite)
{
	struct aead_key *key = some_key(ops, suite);
	const u8 *bytes = (const u8 *)key + 64;
	size_t n = ops->state_bytes(suite);

	assert_false(sodium_is_zero(bytes, n));
	aead_key_free(key);
	assert_true(sodium_is_zero(bytes, n));
	assert_true(some_key(ops, suite) == key);	/* last returned, first taken */
	aead_key_free(key);
}

static void keys_are_wiped_when_freed(void **state)
{
	(void)state;
	for_each(freed_keys_are_wiped);
	aead_key_free(NULL);
}

#define MANY 500u

static void many_keys_do_not_disturb_each_other(const struct aead_ops *ops, enum aead_suite suite)
{
	static struct aead_key *keys[MANY];
	u8 secret[32] = { 0 }, first[16], again[16];
	struct aead_job job = { .out = first };

	for (u32 i = 0; i < MANY; i++) {
		secret[0] = (u8)i;
		secret[1] = (u8)(i >> 8);
		assert_non_null(keys[i] = aead_key_new_on(ops, suite, secret));
	}
	for (u32 i = 0; i < MANY; i += 2)
		aead_key_free(keys[i]);
	for (u32 i = 1; i < MANY; i += 2) {
		struct aead_key *fresh;

		secret[0] = (u8)i;
		secret[1] = (u8)(i >> 8);
		assert_non_null(fresh = aead_key_new_on(ops, suite, secret));
		job.out = first;
		aead_seal(keys[i], &job, 1);
		job.out = again;
		aead_seal(fresh, &job, 1);
		assert_memory_equal(first, again, 16);
		aead_key_free(fresh);
		aead_key_free(keys[i]);
	}
}

static void keys_share_memory_safely(void **state)
{
	(void)state;
	for_each(many_keys_do_not_disturb_each_other);
}

/* --- threads: each with its own key, all at once, more than once --- */

static void *thread_rounds(void *arg)
{
	enum aead_suite suite = *(enum aead_suite *)arg;
	u8 secret[32] = { 5 }, plain[300] = { 6 }, work[300 + 16];
	uintptr_t bad = 0;

	for (u32 round = 0; round < 200; round++) {
		struct aead_job job = { .number = round, .in = plain, .out = work, .len = sizeof(plain) };
		struct aead_key *key = aead_key_new(suite, secret);

		aead_seal(key, &job, 1);
		job.in = work;
		bad += aead_open(key, &job, 1) != 1 || memcmp(work, plain, sizeof(plain));
		aead_key_free(key);
	}
	return (void *)bad;
}

static void threads_do_not_disturb_each_other(void **state)
{
	(void)state;
	for (u32 s = 0; s < ARRAY_SIZE(suites) && aead_has(suites[s]); s++) {
		enum aead_suite suite = suites[s];
		pthread_t threads[4];
		void *bad;

		for (u32 i = 0; i < ARRAY_SIZE(threads); i++)
			assert_int_equal(pthread_create(&threads[i], NULL, thread_rounds, &suite), 0);
		for (u32 i = 0; i < ARRAY_SIZE(threads); i++) {
			assert_int_equal(pthread_join(threads[i], &bad), 0);
			assert_null(bad);
		}
	}
}

/* A clock that runs 10 ms per look: the run's length is then known. */
static u64 fake_now;

static u64 fast_clock(void)
{
	return fake_now += 10 * MSEC;
}

static void the_benchmark_counts_bytes_per_second(void **state)
{
	struct aead_speed speed = { 0 };

	(void)state;
	/* 20 batches of 32 packets of 1000 bytes in 200 ms. */
	assert_int_equal(aead_benchmark(AEAD_SODIUM, AEAD_CHACHAPOLY, 1000, fast_clock, &speed), 0);
	assert_int_equal(speed.seal, 20 * 32 * 1000 * 5);
	assert_int_equal(speed.open, speed.seal);
	assert_int_equal(aead_benchmark(AEAD_SODIUM, AEAD_CHACHAPOLY, 0, fast_clock, &speed), -EINVAL);
	assert_int_equal(aead_benchmark(AEAD_SODIUM, 0, 64, fast_clock, &speed), -ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chachapoly_gives_the_published_outputs),
		cmocka_unit_test(aesgcm_gives_the_published_output),
		cmocka_unit_test(backends_agree_at_every_length),
		cmocka_unit_test(the_self_test_sees_a_broken_backend),
		cmocka_unit_test(forged_packets_are_found_and_zeroed),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(nonces_are_laid_out_as_noise_says),
		cmocka_unit_test(the_backend_can_be_chosen),
		cmocka_unit_test(keys_are_wiped_when_freed),
		cmocka_unit_test(keys_share_memory_safely),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(the_benchmark_counts_bytes_per_second),
	};
	if (aead_init())
		return 1;
	print_message("ChaChaPoly: %s, AESGCM: %s\n", aead_backend_name(AEAD_CHACHAPOLY),
		      aead_backend_name(AEAD_AESGCM));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
