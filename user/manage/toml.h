// SPDX-License-Identifier: MIT
/* toml.h - a TOML document as a list of its keys, with line numbers
 *
 * The only door to the C++ parser.
 */
#ifndef TG_MANAGE_TOML_H
#define TG_MANAGE_TOML_H

#include <jansson.h>

#define TOML_ERROR_BYTES 192

#ifdef __cplusplus
extern "C" {
#endif

struct toml_error {
	unsigned int line;		/* 1 is the first */
	char text[TOML_ERROR_BYTES];
};

/* Reads a document (UTF-8, not necessarily ended by NUL). Returns a new array with one object
 * for each key, in the order of the lines: {"key": "server.listen", "line": 3, "value": ...}.
 * Tables are unfolded into dotted keys, those without keys and those in arrays are objects;
 * [[lists]] of tables give an object for each, with the lines of its keys: {"key": "policy", "line": 3, "value": {"port": 53},
 * "lines": {"port": 4}}. Dates, times and the numbers JSON lacks become text. NULL with *error filled when it is not
 * TOML or memory is short. */
json_t *toml_parse(const char *text, size_t len, struct toml_error *error);

#ifdef __cplusplus
}
#endif

#endif
