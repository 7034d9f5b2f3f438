// SPDX-License-Identifier: MIT
/* types.h - the short integer names, and the three macros everybody needs */
#ifndef TG_BASE_TYPES_H
#define TG_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* No deadline. Compares later than every time. */
#define TIME_NEVER UINT64_MAX

#define MSEC 1000ULL		/* times are microseconds */
#define SEC 1000000ULL

#endif
