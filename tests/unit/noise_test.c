// SPDX-License-Identifier: MIT
/* noise_test.c - Noise and X25519 on published vectors; with BLAKE3, both roles against each other */
#include "unit/unit.h"

#include "unit/vectors.h"

#include <errno.h>

#include "crypto/noise.h"

#define PAYLOAD_MAX 128u

static const char *const pattern_names[] = { [NOISE_NK] = "NK", [NOISE_NKPSK2] = "NKpsk2", [NOISE_NKPSK0] = "NKpsk0" };
static const enum aead_suite suites[] = { AEAD_CHACHAPOLY, AEAD_AESGCM };

/* A random source that gives one ephemeral secret. */
struct fixed_source {
	struct rand_source source;
	u8 bytes[32];
};

static void fill_fixed(struct rand_source *r, void *out, size_t len)
{
	assert_int_equal(len, 32);
	memcpy(out, container_of(r, struct fixed_source, source)->bytes, 32);
}

/* --- published vectors --- */

struct vector {
	const json_t *json;
	enum noise_pattern pattern;
	enum aead_suite suite;
	const struct hash *hash;
	struct noise client, server;
	struct aead_key *keys[2];	/* initiator's, responder's sending key */
};

/* "Noise_NKpsk2_25519_AESGCM_SHA256"; false: a hash or cipher not here. */
static bool vector_functions(struct vector *v)
{
	static const struct hash *const hashes[] = { &hash_sha256, &hash_sha512, &hash_blake2b };
	char pattern[16], cipher[16], hash[16];

	assert_int_equal(sscanf(vector_text(v->json, "protocol_name"), "Noise_%15[^_]_25519_%15[^_]_%15s", pattern,
				cipher, hash), 3);
	for (u32 i = 0; i < ARRAY_SIZE(pattern_names); i++) {
		if (!strcmp(pattern, pattern_names[i]))
			v->pattern = i;
	}
	assert_string_equal(pattern, pattern_names[v->pattern]);
	v->suite = strcmp(cipher, "AESGCM") ? AEAD_CHACHAPOLY : AEAD_AESGCM;
	for (u32 i = 0; i < ARRAY_SIZE(hashes); i++) {
		if (!strcmp(hash, hashes[i]->name))
			v->hash = hashes[i];
	}
	return v->hash && aead_has(v->suite);
}

static void vector_begin(struct vector *v, struct noise *s, bool initiator)
{
	u8 prologue[64], public_key[32], secret[32], psk[32];
	struct noise_setup setup = {
		.pattern = v->pattern, .suite = v->suite, .hash = v->hash, .initiator = initiator,
		.prologue = prologue, .server_public = public_key, .server_secret = initiator ? NULL : secret,
	};
	const json_t *psks = json_object_get(v->json, initiator ? "init_psks" : "resp_psks");

	setup.prologue_len = vector_hex(v->json, initiator ? "init_prologue" : "resp_prologue", prologue,
					sizeof(prologue));
	if (initiator) {
		vector_hex(v->json, "init_remote_static", public_key, 32);
	} else {
		vector_hex(v->json, "resp_static", secret, 32);
		noise_public_from_secret(secret, public_key);
	}
	if (v->pattern != NOISE_NK) {
		const char *hex = json_string_value(json_array_get(psks, 0));

		assert_int_equal(sodium_hex2bin(psk, 32, hex, strlen(hex), NULL, NULL, NULL), 0);
		setup.psk = psk;
	}
	noise_begin(s, &setup);
}

/* One of the two handshake messages: written as published, read by the other. */
static void vector_handshake(struct vector *v, const json_t *message, struct noise *from, struct noise *to)
{
	struct fixed_source fixed = { .source.fill = fill_fixed };
	u8 payload[PAYLOAD_MAX], wire[PAYLOAD_MAX], got[32 + PAYLOAD_MAX];
	size_t len = vector_hex(message, "payload", payload, sizeof(payload));
	size_t wire_len = vector_hex(message, "ciphertext", wire, sizeof(wire));

	vector_hex(v->json, from->initiator ? "init_ephemeral" : "resp_ephemeral", fixed.bytes, 32);
	assert_int_equal(wire_len, 32 + len + 16);
	assert_int_equal(noise_write(from, &fixed.source, payload, len, got, got + 32), 0);
	assert_memory_equal(got, wire, wire_len);
	assert_int_equal(noise_read(to, wire, wire + 32, len, got), 0);
	assert_memory_equal(got, payload, len);
}

/* A transport message, by turns: even ones from the initiator. */
static void vector_transport(struct vector *v, const json_t *message, size_t index)
{
	u8 payload[PAYLOAD_MAX], wire[PAYLOAD_MAX], got[PAYLOAD_MAX];
	size_t len = vector_hex(message, "payload", payload, sizeof(payload));
	size_t wire_len = vector_hex(message, "ciphertext", wire, sizeof(wire));
	struct aead_job job = { .number = index / 2 - 1, .in = payload, .out = got, .len = (u16)len };

	assert_int_equal(wire_len, len + 16);
	aead_seal(v->keys[index % 2], &job, 1);
	assert_memory_equal(got, wire, wire_len);
	job.in = wire;
	assert_int_equal(aead_open(v->keys[index % 2], &job, 1), 1);
	assert_memory_equal(got, payload, len);
}

static void vector_split(struct vector *v)
{
	u8 expected[HASH_MAX_BYTES], client[3][32], server[3][32];

	assert_int_equal(vector_hex(v->json, "handshake_hash", expected, sizeof(expected)), v->hash->bytes);
	assert_memory_equal(v->client.h, expected, v->hash->bytes);
	assert_memory_equal(v->server.h, expected, v->hash->bytes);
	noise_finish(&v->client, client[0], client[1], client[2]);
	noise_finish(&v->server, server[0], server[1], server[2]);
	assert_memory_equal(client, server, sizeof(client));
	for (u32 i = 0; i < 2; i++) {
		v->keys[i] = aead_key_new(v->suite, client[i]);
		assert_non_null(v->keys[i]);
	}
}

static void run_vector(struct vector *v)
{
	const json_t *messages = json_object_get(v->json, "messages"), *message;
	size_t i;

	vector_begin(v, &v->client, true);
	vector_begin(v, &v->server, false);
	assert_true(json_array_size(messages) > 2);
	json_array_foreach(messages, i, message) {
		if (i < 2)
			vector_handshake(v, message, i ? &v->server : &v->client, i ? &v->client : &v->server);
		if (i == 1)
			vector_split(v);
		if (i >= 2)
			vector_transport(v, message, i);
	}
	aead_key_free(v->keys[0]);
	aead_key_free(v->keys[1]);
}

static void published_handshakes_match(void **state)
{
	json_t *root = vectors_load("noise-nk.json");
	u32 checked = 0, left_out = 0;
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(root, "vectors"), i, one) {
		struct vector v = { .json = one };

		if (vector_functions(&v)) {
			run_vector(&v);
			checked++;
		} else {
			left_out++;
		}
	}
	print_message("%u Noise vectors; %u left out (BLAKE2s, or a cipher this CPU lacks)\n", checked, left_out);
	assert_true(checked >= (aead_has(AEAD_AESGCM) ? 18 : 9));
	json_decref(root);
}

static void published_x25519_results_match(void **state)
{
	json_t *root = vectors_load("x25519.json");
	const json_t *group, *one;
	u32 checked = 0, refused = 0;
	size_t i, j;

	(void)state;
	json_array_foreach(json_object_get(root, "testGroups"), i, group) {
		json_array_foreach(json_object_get(group, "tests"), j, one) {
			u8 public_key[32], secret[32], expected[32], got[32];
			int err;

			assert_int_equal(vector_hex(one, "public", public_key, 32), 32);
			vector_hex(one, "private", secret, 32);
			vector_hex(one, "shared", expected, 32);
			err = noise_dh(secret, public_key, got);
			/* The only ones to refuse, "acceptable" or not: low-order points. */
			assert_int_equal(err, sodium_is_zero(expected, 32) ? -EPROTO : 0);
			assert_memory_equal(got, expected, 32);
			refused += err != 0;
			checked++;
		}
	}
	print_message("%u X25519 vectors, of them %u low-order points refused\n", checked, refused);
	assert_true(checked > 0 && refused > 0 && refused < checked);
	json_decref(root);
}

/* --- with BLAKE3, both roles here --- */

struct pair {
	struct noise client, server;
	struct rand_source rand;
	u8 server_secret[32], server_public[32], psk[32];
};

#define FIRST_LEN 128u
#define ANSWER_LEN 112u

static void pair_begin_prologue(struct pair *p, enum noise_pattern pattern, enum aead_suite suite,
				const char *client_prologue, const char *server_prologue)
{
	struct noise_setup setup = {
		.pattern = pattern, .suite = suite, .hash = &hash_blake3, .initiator = true,
		.prologue = (const u8 *)client_prologue, .prologue_len = strlen(client_prologue),
		.server_public = p->server_public, .psk = pattern == NOISE_NK ? NULL : p->psk,
	};

	rand_seeded(&p->rand, 7);
	rand_fill(&p->rand, p->server_secret, 32);
	rand_fill(&p->rand, p->psk, 32);
	noise_public_from_secret(p->server_secret, p->server_public);
	noise_begin(&p->client, &setup);
	setup.initiator = false;
	setup.prologue = (const u8 *)server_prologue;
	setup.prologue_len = strlen(server_prologue);
	setup.server_secret = p->server_secret;
	noise_begin(&p->server, &setup);
}

static void pair_begin(struct pair *p, enum noise_pattern pattern, enum aead_suite suite)
{
	pair_begin_prologue(p, pattern, suite, "prologue", "prologue");
}

static void fill_payload(u8 *payload, size_t len)
{
	for (size_t i = 0; i < len; i++)
		payload[i] = (u8)(i * 7 + 1);
}

/* Writes one side's message into wire (e, then len + 16 bytes). */
static int send_message(struct pair *p, struct noise *from, u8 *wire, size_t len)
{
	u8 payload[PAYLOAD_MAX];

	fill_payload(payload, len);
	return noise_write(from, &p->rand, payload, len, wire, wire + 32);
}

static int take_message(struct noise *to, const u8 *wire, size_t len)
{
	u8 payload[PAYLOAD_MAX], expected[PAYLOAD_MAX], zeros[PAYLOAD_MAX] = { 0 };
	int err;

	fill_payload(expected, len);
	memset(payload, 0xee, sizeof(payload));
	err = noise_read(to, wire, wire + 32, len, payload);
	if (!err)
		assert_memory_equal(payload, expected, len);
	else if (payload[0] != 0xee)	/* reached the cipher: then nothing of it may be left */
		assert_memory_equal(payload, zeros, len);
	return err;
}

/* Runs f for each pattern and each suite there is. */
static void for_each_protocol(void (*f)(enum noise_pattern pattern, enum aead_suite suite))
{
	u32 runs = 0;

	for (u32 i = 0; i < ARRAY_SIZE(suites); i++) {
		for (u32 pattern = 0; aead_has(suites[i]) && pattern < 3; pattern++, runs++)
			f(pattern, suites[i]);
	}
	assert_true(runs >= 3);
}

static void handshake(enum noise_pattern pattern, enum aead_suite suite)
{
	u8 wire[32 + FIRST_LEN + 16], client[3][32], server[3][32];
	struct pair p;

	pair_begin(&p, pattern, suite);
	assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), 0);
	assert_int_equal(take_message(&p.server, wire, FIRST_LEN), 0);
	assert_int_equal(send_message(&p, &p.server, wire, ANSWER_LEN), 0);
	assert_int_equal(take_message(&p.client, wire, ANSWER_LEN), 0);
	assert_memory_equal(p.client.h, p.server.h, 32);

	noise_finish(&p.client, client[0], client[1], client[2]);
	noise_finish(&p.server, server[0], server[1], server[2]);
	assert_memory_equal(client, server, sizeof(client));
	assert_memory_not_equal(client[0], client[1], 32);
	assert_memory_not_equal(client[1], client[2], 32);
	assert_true(sodium_is_zero((const u8 *)&p.client, sizeof(p.client)));
	assert_true(sodium_is_zero((const u8 *)&p.server, sizeof(p.server)));
}

static void both_sides_agree(void **state)
{
	(void)state;
	for_each_protocol(handshake);
}

/* A copy of a noise state reads a message with one bit changed, for every byte of it. */
static void assert_no_flip_is_read(const struct noise *reader, u8 *wire, size_t len)
{
	for (size_t i = 0; i < 32 + len + 16; i++) {
		struct noise copy = *reader;
		u8 bit = (u8)(1u << i % 8);

		wire[i] ^= bit;
		/* The top bit of an X25519 key does not count on the curve, but does in the hash. */
		assert_int_equal(take_message(&copy, wire, len), -EBADMSG);
		assert_true(sodium_is_zero((const u8 *)&copy, sizeof(copy)));
		wire[i] ^= bit;
	}
}

static void flip_everywhere(enum noise_pattern pattern, enum aead_suite suite)
{
	u8 wire[32 + FIRST_LEN + 16];
	struct pair p;

	pair_begin(&p, pattern, suite);
	assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), 0);
	assert_no_flip_is_read(&p.server, wire, FIRST_LEN);
	assert_int_equal(take_message(&p.server, wire, FIRST_LEN), 0);
	assert_int_equal(send_message(&p, &p.server, wire, ANSWER_LEN), 0);
	assert_no_flip_is_read(&p.client, wire, ANSWER_LEN);
	assert_int_equal(take_message(&p.client, wire, ANSWER_LEN), 0);
}

static void every_flipped_byte_is_refused(void **state)
{
	(void)state;
	for_each_protocol(flip_everywhere);
}

/* psk0 fails at the first message, psk2 at the answer: only there does the secret count. */
static void wrong_psk(enum noise_pattern pattern, enum aead_suite suite)
{
	u8 wire[32 + FIRST_LEN + 16], other[32] = { 1 };
	struct pair p;

	if (pattern == NOISE_NK)
		return;
	pair_begin(&p, pattern, suite);
	noise_set_psk(&p.server, other);
	assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), 0);
	assert_int_equal(take_message(&p.server, wire, FIRST_LEN), pattern == NOISE_NKPSK0 ? -EBADMSG : 0);
	if (pattern == NOISE_NKPSK0)
		return;
	assert_int_equal(send_message(&p, &p.server, wire, ANSWER_LEN), 0);
	assert_int_equal(take_message(&p.client, wire, ANSWER_LEN), -EBADMSG);
}

static void a_wrong_psk_is_refused(void **state)
{
	(void)state;
	for_each_protocol(wrong_psk);
}

static void a_psk_given_late_works(void **state)
{
	u8 wire[32 + FIRST_LEN + 16], psk[32];
	struct pair p;

	(void)state;
	pair_begin(&p, NOISE_NKPSK2, AEAD_CHACHAPOLY);
	memcpy(psk, p.psk, 32);
	memset(p.server.psk, 0, 32);
	assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), 0);
	assert_int_equal(take_message(&p.server, wire, FIRST_LEN), 0);
	noise_set_psk(&p.server, psk);
	assert_int_equal(send_message(&p, &p.server, wire, ANSWER_LEN), 0);
	assert_int_equal(take_message(&p.client, wire, ANSWER_LEN), 0);
}

static void another_prologue(enum noise_pattern pattern, enum aead_suite suite)
{
	u8 wire[32 + FIRST_LEN + 16];
	struct pair p;

	pair_begin_prologue(&p, pattern, suite, "prologue", "prologuf");
	assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), 0);
	assert_int_equal(take_message(&p.server, wire, FIRST_LEN), -EBADMSG);
}

static void another_prologue_is_refused(void **state)
{
	(void)state;
	for_each_protocol(another_prologue);
}

static void another_server_key_is_refused(void **state)
{
	u8 wire[32 + FIRST_LEN + 16];
	struct pair p;

	(void)state;
	pair_begin(&p, NOISE_NK, AEAD_CHACHAPOLY);
	p.server.s_secret[5] ^= 1;
	assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), 0);
	assert_int_equal(take_message(&p.server, wire, FIRST_LEN), -EBADMSG);
}

static void low_order_points_are_refused(void **state)
{
	static const u8 points[][32] = { { 0 }, { 1 } };
	u8 wire[32 + FIRST_LEN + 16] = { 0 };
	struct noise_setup setup = {
		.pattern = NOISE_NK, .suite = AEAD_CHACHAPOLY, .hash = &hash_blake3, .initiator = true,
	};
	struct pair p;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(points); i++) {
		pair_begin(&p, NOISE_NK, AEAD_CHACHAPOLY);
		memcpy(wire, points[i], 32);
		assert_int_equal(take_message(&p.server, wire, FIRST_LEN), -EBADMSG);

		setup.server_public = points[i];
		noise_begin(&p.client, &setup);
		assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), -EPROTO);
	}
}

/* The counter that other tests lean on: key pair and es, es, key pair and ee, ee. */
static void curve_operations_are_counted(void **state)
{
	u8 wire[32 + FIRST_LEN + 16];
	struct pair p;
	u64 before;

	(void)state;
	pair_begin(&p, NOISE_NKPSK2, AEAD_CHACHAPOLY);
	before = noise_dh_count();
	send_message(&p, &p.client, wire, FIRST_LEN);
	assert_int_equal(noise_dh_count() - before, 2);
	take_message(&p.server, wire, FIRST_LEN);
	assert_int_equal(noise_dh_count() - before, 3);
	send_message(&p, &p.server, wire, ANSWER_LEN);
	assert_int_equal(noise_dh_count() - before, 5);
	take_message(&p.client, wire, ANSWER_LEN);
	assert_int_equal(noise_dh_count() - before, 6);
}

static void a_wiped_state_reads_and_writes_nothing(void **state)
{
	u8 wire[32 + FIRST_LEN + 16];
	struct pair p;

	(void)state;
	pair_begin(&p, NOISE_NK, AEAD_CHACHAPOLY);
	noise_wipe(&p.client);
	assert_int_equal(send_message(&p, &p.client, wire, FIRST_LEN), -ENOSYS);
	noise_wipe(&p.server);
	assert_int_equal(take_message(&p.server, wire, FIRST_LEN), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_handshakes_match),
		cmocka_unit_test(published_x25519_results_match),
		cmocka_unit_test(both_sides_agree),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(a_wrong_psk_is_refused),
		cmocka_unit_test(a_psk_given_late_works),
		cmocka_unit_test(another_prologue_is_refused),
		cmocka_unit_test(another_server_key_is_refused),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(curve_operations_are_counted),
		cmocka_unit_test(a_wiped_state_reads_and_writes_nothing),
	};
	if (aead_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
