// SPDX-License-Identifier: MIT
/* keys_fuzz.c - any text into keys_parse()
 *
 * The first byte chooses: text as it is, or bytes packed as a key string with a true check, which
 * gets past base64 and the check and so reaches the items. What is accepted must come back the
 * same from keys_format() and keys_parse().
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "crypto/keys.h"

#define BINARY_MAX 800u	/* more than fits */

static void pack(const u8 *data, size_t size, bool with_client, bool with_check, char *text, size_t text_bytes)
{
	u8 binary[BINARY_MAX + 6], hash[32];
	size_t n = MIN(size, BINARY_MAX);

	memcpy(binary, data, n);
	if (with_check) {
		blake3(binary, n, hash);
		memcpy(binary + n, "\x1f\x04", 2);
		memcpy(binary + n + 2, hash, 4);
		n += 6;
	}
	memcpy(text, with_client ? "tg2_" : "tg1_", 4);
	sodium_bin2base64(text + 4, text_bytes - 4, binary, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void must_come_back(const struct key_string *k)
{
	char text[KEYS_TEXT_BYTES], error[KEYS_ERROR_BYTES];
	struct key_string again;

	if (keys_format(k, text, sizeof(text)) || keys_parse(&again, text, error))
		abort();
	if (memcmp(k, &again, sizeof(again)))	/* both start zeroed: padding too */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[2 * KEYS_TEXT_BYTES] = "", error[KEYS_ERROR_BYTES];
	struct key_string k;
	int err;

	if (!size)
		return 0;
	if (data[0] & 1)
		pack(data + 1, size - 1, data[0] & 2, data[0] & 4, text, sizeof(text));
	else
		memcpy(text, data + 1, MIN(size - 1, sizeof(text) - 1));
	err = keys_parse(&k, text, error);
	if (!err)
		must_come_back(&k);
	else if (!error[0])
		abort();	/* a refusal says why */
	return 0;
}
