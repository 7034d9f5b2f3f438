/* SPDX-License-Identifier: MIT */
/* fields.h - what stands in an answer of a daemon, for those who print it
 *
 * What is not there, or of another kind, reads as "-", 0 and false.
 */
#ifndef TG_CMD_FIELDS_H
#define TG_CMD_FIELDS_H

#include <jansson.h>

#include "base/types.h"

static inline const char *field_text(const json_t *from, const char *field)
{
	const char *value = json_string_value(json_object_get(from, field));

	return value ? value : "-";
}

static inline u64 field_number(const json_t *from, const char *field)
{
	return (u64)json_integer_value(json_object_get(from, field));
}

static inline bool field_is_number(const json_t *from, const char *field)
{
	return json_is_integer(json_object_get(from, field));
}

static inline bool field_true(const json_t *from, const char *field)
{
	return json_is_true(json_object_get(from, field));
}

#endif
