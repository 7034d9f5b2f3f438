// SPDX-License-Identifier: MIT
/* keygen.c - triglav keygen: a server's secret key */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/rand.h"
#include "cmd/cmd.h"
#include "cmd/server_keys.h"
#include "crypto/keyfile.h"
#include "crypto/noise.h"

static char output[SETTINGS_PATH_BYTES];
static struct addr addresses[KEYS_MAX_ADDRS];
static u32 address_count;
static bool qr;

static const struct cmd_flag flags[] = {
	CMD_FLAG_TEXT("output", 'o', "F", output, "write the secret key to a new file (0600)"),
	{ .flag = "address", .metavar = "A:P", .help = "print the public key string for this address; may be repeated",
	  .slot = { .type = VALUE_ADDRESSES, .max = KEYS_MAX_ADDRS, .place = addresses, .count = &address_count } },
	CMD_FLAG_BOOL("qr", &qr, "that string as a QR code, too"),
	{ .flag = NULL },
};

static int give_secret(const u8 secret[32])
{
	char text[64];
	int err;

	if (output[0]) {
		err = keyfile_write_secret(output, secret);
		return err ? cmd_fail(cmd_exit_of(err), "cannot write %s: %s", output, strerror(-err)) : CMD_OK;
	}
	keys_base64url(secret, 32, text, sizeof(text));
	puts(text);
	sodium_memzero(text, sizeof(text));
	return CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct key_string k = { 0 };
	struct rand_source random;
	u8 secret[32];
	int code;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	if (qr && !address_count)
		return cmd_fail(CMD_USAGE, "--qr shows a key string, and that needs --address A:P");
	rand_system(&random);
	rand_fill(&random, secret, sizeof(secret));
	code = give_secret(secret);
	if (!code && address_count) {
		noise_public_from_secret(secret, k.server_public);
		memcpy(k.addrs, addresses, sizeof(k.addrs));
		k.addr_count = address_count;
		code = server_keys_print(&k, qr);
	}
	sodium_memzero(secret, sizeof(secret));
	return code;
}

const struct command cmd_keygen = {
	.name = "keygen",
	.summary = "makes a server's secret key: prints it, or writes it to a file",
	.example = "  triglav keygen -o server.key --address 203.0.113.5:7443   # prints tg1_...",
	.flags = flags,
	.run = run,
};
