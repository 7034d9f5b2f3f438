/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* junk.h - how the program knows the frames of its flood: by the first byte of the source (tests/lab/junk.c) */
#ifndef TESTS_BPF_JUNK_H
#define TESTS_BPF_JUNK_H

#define JUNK_TOGETHER 16u	/* frames that the kernel hands to an interface at once */
#define JUNK_SOURCE_AT 6u
#define JUNK_SOURCE 0x4a	/* locally administered */

#endif
