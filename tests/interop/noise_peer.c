// SPDX-License-Identifier: MIT
/* noise_peer.c - one side of a Noise handshake, driven by lines of text
 *
 *   noise_peer initiator|responder PATTERN CIPHER HASH PROLOGUE KEY PSK
 *   noise_peer ciphers		prints those this CPU can do
 *
 * PROLOGUE, KEY and PSK are hex ("-": none); KEY is the responder's public key for the initiator,
 * its secret for the responder. Then each line of standard input is answered by one line:
 *
 *   write PAYLOAD   the next handshake message: e and ciphertext
 *   read MESSAGE    its payload
 *   finish          handshake hash, then the session root
 *   seal AD TEXT    the next transport message to the peer
 *   open AD TEXT    the next one from it
 *
 * What cannot be done is answered "refused". Bad usage ends the program with 2.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/noise.h"

#define MAX_BYTES 4096u

struct peer {
	struct noise noise;
	struct rand_source rand;
	struct aead_key *sending, *receiving;
	u64 sent, received;
};

static void usage(const char *what)
{
	fprintf(stderr, "noise_peer: bad %s\n", what);
	exit(2);
}

/* "-" or NULL is empty. */
static size_t from_hex(const char *text, u8 *out, size_t room)
{
	size_t n = 0;

	if (text && strcmp(text, "-") && sodium_hex2bin(out, room, text, strlen(text), NULL, &n, NULL))
		usage("hex");
	return n;
}

static void answer(const u8 *bytes, size_t n)
{
	char text[2 * MAX_BYTES + 1];

	puts(n ? sodium_bin2hex(text, sizeof(text), bytes, n) : "-");
}

static u32 index_of(const char *name, const char *const *names, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (!strcmp(name, names[i]))
			return i;
	}
	usage(name);
	return 0;
}

static const char *const ciphers[] = { "", "ChaChaPoly", "AESGCM" };

static int print_ciphers(void)
{
	for (u32 suite = 1; suite < ARRAY_SIZE(ciphers); suite++) {
		if (aead_has(suite))
			puts(ciphers[suite]);
	}
	return 0;
}

static void begin(struct peer *p, char **argv)
{
	static const char *const patterns[] = { "NK", "NKpsk2", "NKpsk0" };
	static const char *const names[] = { "BLAKE3", "SHA256", "SHA512", "BLAKE2b" };
	static const struct hash *const hashes[] = { &hash_blake3, &hash_sha256, &hash_sha512, &hash_blake2b };
	u8 prologue[MAX_BYTES], key[32], public_key[32], psk[32];
	struct noise_setup setup = {
		.initiator = !strcmp(argv[1], "initiator"),
		.pattern = index_of(argv[2], patterns, 3),
		.suite = index_of(argv[3], ciphers, 3),
		.hash = hashes[index_of(argv[4], names, 4)],
		.prologue = prologue,
		.prologue_len = from_hex(argv[5], prologue, sizeof(prologue)),
	};

	if (from_hex(argv[6], key, sizeof(key)) != 32)
		usage("key");
	noise_public_from_secret(key, public_key);
	setup.server_public = setup.initiator ? key : public_key;
	setup.server_secret = setup.initiator ? NULL : key;
	if (from_hex(argv[7], psk, sizeof(psk)) == 32)
		setup.psk = psk;
	noise_begin(&p->noise, &setup);
}

static void write_message(struct peer *p, const char *payload_hex)
{
	u8 payload[MAX_BYTES], out[32 + MAX_BYTES + 16];
	size_t len = from_hex(payload_hex, payload, sizeof(payload) - 64);

	if (noise_write(&p->noise, &p->rand, payload, len, out, out + 32))
		puts("refused");
	else
		answer(out, 32 + len + 16);
}

static void read_message(struct peer *p, const char *message_hex)
{
	u8 in[MAX_BYTES], payload[MAX_BYTES];
	size_t len = from_hex(message_hex, in, sizeof(in));

	if (len < 48 || noise_read(&p->noise, in, in + 32, len - 48, payload))
		puts("refused");
	else
		answer(payload, len - 48);
}

static void finish(struct peer *p)
{
	enum aead_suite suite = p->noise.suite;
	bool initiator = p->noise.initiator;
	u8 keys[2][32], both[HASH_MAX_BYTES + 32];
	u32 n = p->noise.hash->bytes;

	memcpy(both, p->noise.h, n);
	noise_finish(&p->noise, keys[0], keys[1], both + n);
	p->sending = aead_key_new(suite, keys[!initiator]);
	p->receiving = aead_key_new(suite, keys[initiator]);
	answer(both, n + 32);
}

static void transport(struct peer *p, bool seal, const char *ad_hex, const char *text_hex)
{
	u8 ad[MAX_BYTES], in[MAX_BYTES], out[MAX_BYTES + 16];
	size_t ad_len = from_hex(ad_hex, ad, sizeof(ad)), len = from_hex(text_hex, in, sizeof(in) - 64);
	struct aead_job job = { .number = seal ? p->sent++ : p->received, .ad = ad, .ad_len = (u16)ad_len,
				.in = in, .out = out, .len = (u16)(seal ? len : len - 16) };

	if (seal) {
		aead_seal(p->sending, &job, 1);
		answer(out, len + 16);
	} else if (len < 16 || !aead_open(p->receiving, &job, 1)) {
		puts("refused");
	} else {
		p->received++;
		answer(out, len - 16);
	}
}

static void obey(struct peer *p, char *line)
{
	char *verb = strtok(line, " \n"), *one = strtok(NULL, " \n"), *two = strtok(NULL, " \n");

	if (!verb)
		usage("line");
	else if (!strcmp(verb, "write"))
		write_message(p, one);
	else if (!strcmp(verb, "read"))
		read_message(p, one);
	else if (!strcmp(verb, "finish"))
		finish(p);
	else if ((!strcmp(verb, "seal") || !strcmp(verb, "open")) && p->sending)
		transport(p, *verb == 's', one, two);
	else
		usage("verb");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[4 * MAX_BYTES];
	struct peer p = { 0 };

	if (aead_init())
		return 1;
	if (argc == 2 && !strcmp(argv[1], "ciphers"))
		return print_ciphers();
	if (argc != 8)
		usage("number of arguments");
	rand_system(&p.rand);
	begin(&p, argv);
	while (fgets(line, sizeof(line), stdin))
		obey(&p, line);
	aead_key_free(p.sending);
	aead_key_free(p.receiving);
	return 0;
}
