// SPDX-License-Identifier: MIT
/* vectors.h - published test vectors: ../shared/vectors/NAME, from the project's root
 *
 * They are not part of the project; tests skip where they are absent.
 */
#ifndef TG_TESTS_VECTORS_H
#define TG_TESTS_VECTORS_H

#include "unit/unit.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"

#define VECTORS_DIR "../shared/vectors"

/* Loads a file, or skips the test. A file that is there but does not parse fails it. */
static inline json_t *vectors_load(const char *name)
{
	json_error_t error;
	char path[256];
	json_t *root;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", VECTORS_DIR, name);
	f = fopen(path, "r");
	if (!f) {
		print_message("skipped: no %s (run from the project's root, with the vectors beside it)\n", path);
		skip();
	}
	root = json_loadf(f, 0, &error);
	fclose(f);
	if (!root)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return root;
}

static inline const char *vector_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		fail_msg("a vector has no \"%s\"", key);
	return text;
}

/* Hex member to bytes; returns how many. */
static inline size_t vector_hex(const json_t *object, const char *key, u8 *out, size_t out_bytes)
{
	const char *text = vector_text(object, key);
	size_t n;

	if (sodium_hex2bin(out, out_bytes, text, strlen(text), NULL, &n, NULL))
		fail_msg("\"%s\" is not hex or longer than %zu bytes", key, out_bytes);
	return n;
}

#endif
