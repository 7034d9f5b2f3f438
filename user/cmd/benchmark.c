// SPDX-License-Identifier: MIT
/* benchmark.c - triglav benchmark: how fast this machine encrypts */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "crypto/aead_bench.h"

static bool crypto, json;

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("crypto", &crypto, "the ciphers of each library here, one core, in GB/s"),
	CMD_FLAG_BOOL("json", &json, "as JSON"),
	{ .flag = NULL },
};

static const struct {
	enum aead_suite suite;
	const char *name;
} suites[] = {
	{ AEAD_CHACHAPOLY, "ChaCha20-Poly1305" },
	{ AEAD_AESGCM, "AES-256-GCM" },
};

static const struct {
	enum aead_backend backend;
	const char *name;
} backends[] = {
	{ AEAD_SODIUM, "libsodium" },
	{ AEAD_IPSEC_MB, "ipsec-mb" },
};

static const u16 sizes[] = { 64, 512, 1420 };

static void print_line(const char *suite, const char *backend, u16 size, const struct aead_speed *speed, int err)
{
	if (err)
		printf("%-18s %-10s %6u %10s %10s\n", suite, backend, size, "not here", "");
	else
		printf("%-18s %-10s %6u %10.2f %10.2f\n", suite, backend, size, (double)speed->seal / 1e9,
		       (double)speed->open / 1e9);
	fflush(stdout);
}

static void add_line(json_t *out, const char *suite, const char *backend, u16 size, const struct aead_speed *speed, int err)
{
	json_t *line = json_pack("{s:s, s:s, s:i}", "suite", suite, "backend", backend, "packet_bytes", size);

	json_object_set_new(line, "seal_bytes_per_second", err ? json_null() : json_integer((json_int_t)speed->seal));
	json_object_set_new(line, "open_bytes_per_second", err ? json_null() : json_integer((json_int_t)speed->open));
	json_array_append_new(out, line);
}

/* -ENOSYS, not here, is an answer; other errors end it. */
static int measure(size_t suite, size_t backend, u16 size, json_t *out)
{
	struct aead_speed speed = { 0 };
	int err = aead_benchmark(backends[backend].backend, suites[suite].suite, size, clock_now_us, &speed);

	if (err && err != -ENOSYS)
		return cmd_fail(CMD_FAILED, "%s by %s: %s", suites[suite].name, backends[backend].name, strerror(-err));
	if (json)
		add_line(out, suites[suite].name, backends[backend].name, size, &speed, err);
	else
		print_line(suites[suite].name, backends[backend].name, size, &speed, err);
	return CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	json_t *out;
	int code = CMD_OK;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	if (!crypto)
		return cmd_fail(CMD_USAGE, "what? triglav benchmark --crypto measures the ciphers");
	if (aead_init())
		return cmd_fail(CMD_FAILED, "libsodium cannot start here");
	if (!json)
		printf("%-18s %-10s %6s %10s %10s\n", "SUITE", "LIBRARY", "BYTES", "SEAL GB/s", "OPEN GB/s");
	out = json_array();
	for (size_t i = 0; !code && i < ARRAY_SIZE(suites) * ARRAY_SIZE(backends) * ARRAY_SIZE(sizes); i++)
		code = measure(i / ARRAY_SIZE(sizes) / ARRAY_SIZE(backends), i / ARRAY_SIZE(sizes) % ARRAY_SIZE(backends),
			       sizes[i % ARRAY_SIZE(sizes)], out);
	if (json && !code)
		cmd_print_json(out);
	json_decref(out);
	return code;
}

const struct command cmd_benchmark = {
	.name = "benchmark",
	.words = "--crypto",
	.summary = "how fast this machine encrypts",
	.example = "  triglav benchmark --crypto",
	.flags = flags,
	.run = run,
};
