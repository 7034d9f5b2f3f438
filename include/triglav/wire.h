/* SPDX-License-Identifier: MIT */
/* wire.h - datagram layout and protocol constants (read beside docs/protocol.md)
 *
 * Version 2. All integers big-endian. Plain structs, no code that needs a library: BPF
 * programs and userspace include the same file.
 */
#ifndef TRIGLAV_WIRE_H
#define TRIGLAV_WIRE_H

#include <linux/types.h>

#define TG_VERSION_WIRE 2
#define TG_PORT 7443
#define TG_INNER_MTU 1420
#define TG_TAG_BYTES 16
#define TG_MAX_PATHS 16

enum tg_type {
	TG_TYPE_FIRST = 1,	/* first handshake message */
	TG_TYPE_ANSWER = 2,
	TG_TYPE_COOKIE = 3,
	TG_TYPE_DATA = 4,
	TG_TYPE_CONTROL = 5,
	TG_TYPE_VERSIONS = 6,
};

enum tg_pattern {
	TG_PATTERN_NK = 0,	/* open server, no credential */
	TG_PATTERN_NKPSK2 = 1,	/* opens a session with a credential */
	TG_PATTERN_NKPSK0 = 2,	/* join of a further path, or rekey */
};

enum tg_suite {
	TG_SUITE_CHACHAPOLY = 1,
	TG_SUITE_AESGCM = 2,
};

/* Flags of a data or control header; all other bits are zero, else the datagram is dropped. */
#define TG_FLAG_COPY 1	/* a copy id follows the header */
#define TG_FLAG_CSUM 2	/* the inner TCP/UDP checksum is partial */
#define TG_FLAG_FIRST 4	/* first half of an inner packet too large for the path */
#define TG_FLAG_LAST 8	/* last half */
#define TG_FLAG_AHEAD 16	/* interactive: need not wait for bulk that the receiver has got but not looked at yet */
#define TG_FLAGS_KNOWN 31

/* Header of data and control datagrams; all of it is additional data of the AEAD. */
struct tg_header {
	__u8 type;
	__u8 flags;
	__be16 stamp;		/* sender's monotonic clock, units of TG_STAMP_US, modulo 2^16 */
	__be32 receiver;	/* names session, path and key; low bits name the worker */
	__be32 number;		/* low 32 bits of the packet number */
} __attribute__((packed));

#define TG_HEADER_BYTES 12
#define TG_COPY_ID_BYTES 4
#define TG_ORDER_BYTES 4
#define TG_STAMP_US 64
#define TG_WORKER_BITS 6	/* low bits of receiver index and session handle */

/* Order word: flow slot 12 bits, sequence 20 bits. */
#define TG_ORDER_NONE 0xffffffffu
#define TG_ORDER_SLOTS 4095u	/* slot 4095 would make the word ambiguous */
#define TG_ORDER_SEQ_BITS 20
#define TG_ORDER_SEQ_MASK ((1u << TG_ORDER_SEQ_BITS) - 1)

#define TG_FIRST_PAYLOAD 128
#define TG_ANSWER_PAYLOAD 112

struct tg_first {
	__u8 type;
	__u8 version;
	__u8 pattern;
	__u8 suite;
	__be32 sender;		/* what the answerer writes into datagrams to the sender */
	__u8 e[32];
	__u8 handle[8];		/* session handle for TG_PATTERN_NKPSK0, else zero */
	__u8 payload[TG_FIRST_PAYLOAD + TG_TAG_BYTES];
	__u8 mac1[16];
	__u8 mac2[16];
} __attribute__((packed));

struct tg_first_payload {
	__u8 time[12];		/* TAI64N */
	__u8 client_id[8];
	__be32 features;
	__u8 path_id;
	__u8 link_kind;
	__u8 link_flags;
	__u8 proof[16];		/* TG_PATTERN_NKPSK2: MAC under the client's secret, so that a wrong one meets silence */
	__u8 zero[85];
} __attribute__((packed));

struct tg_answer {
	__u8 type;
	__u8 version;
	__u8 pattern;
	__u8 suite;
	__be32 sender;
	__be32 receiver;
	__u8 e[32];
	__u8 payload[TG_ANSWER_PAYLOAD + TG_TAG_BYTES];
	__u8 mac1[16];
	__u8 mac2[16];
} __attribute__((packed));

struct tg_answer_payload {
	__u8 handle[8];
	__u8 ip4[4];
	__u8 ip4_len;
	__u8 ip6[16];
	__u8 ip6_len;
	__u8 server_ip4[4];
	__u8 server_ip6[16];
	__be16 mtu;
	__be32 features;
	__u8 seen_family;	/* the client's address as the server sees it: 4 or 6 */
	__u8 seen_ip[16];
	__be16 seen_port;
	__u8 flags;		/* TG_ANSWER_... */
	__u8 zero[36];
} __attribute__((packed));

struct tg_cookie {
	__u8 type;
	__u8 zero[3];
	__be32 receiver;
	__u8 nonce[24];
	__u8 cookie[16 + TG_TAG_BYTES];
} __attribute__((packed));

/* Answers a valid mac1 with an unknown version. */
struct tg_versions {
	__u8 type;
	__u8 count;
	__u8 zero[2];
	__be32 receiver;
	__u8 versions[8];	/* the first `count` are spoken here */
} __attribute__((packed));

#define TG_ANSWER_FRESH 1	/* the server holds no such path: packet numbers begin at 0 on both sides */

/* Features */
#define TG_FEATURE_CSUM 1u	/* this end can finish partial checksums */
#define TG_FEATURE_HALVES 2u	/* this end joins halves of inner packets */
#define TG_FEATURE_FEC 4u	/* this end uses repair symbols */
#define TG_FEATURE_AHEAD 8u	/* this end knows TG_FLAG_AHEAD */

/* Link kinds and flags of the first message */
enum tg_link_kind {
	TG_LINK_UNKNOWN,
	TG_LINK_ETHERNET,
	TG_LINK_WIRELESS,
	TG_LINK_CELLULAR,
	TG_LINK_USB,
};
#define TG_LINK_METERED 1
#define TG_LINK_BACKUP 2
#define TG_LINK_FRESH 0x80	/* replaces a path of the same id: numbers start again */

/* Control frames: type 1, length 2, value. Unknown types are skipped. */
enum tg_frame {
	TG_FRAME_ACK = 1,
	TG_FRAME_PING = 2,
	TG_FRAME_PONG = 3,
	TG_FRAME_PATH = 4,
	TG_FRAME_CHALLENGE = 5,
	TG_FRAME_RESPONSE = 6,
	TG_FRAME_SKIP = 7,
	TG_FRAME_CONFIG = 8,
	TG_FRAME_LIMITS = 9,
	TG_FRAME_CLOSE = 10,
	TG_FRAME_PAD = 11,
	TG_FRAME_REPAIR = 12,
	TG_FRAME_ORDER = 13,
};

/* LIMITS: no quota. */
#define TG_QUOTA_NONE 0xffffffffffffffffULL

/* REPAIR: what stands before the symbol, and what its fields may be. */
#define TG_REPAIR_BYTES 14u
#define TG_REPAIR_SPAN 64u	/* numbers a window reaches over: bits of the map */
#define TG_REPAIR_ROWS 192u	/* rows of factors; with the span they fill the field */

enum tg_path_state { TG_PATH_USE = 1, TG_PATH_STANDBY = 2, TG_PATH_SUSPECT = 3, TG_PATH_ABANDON = 4 };

enum tg_close_code {
	TG_CLOSE_BYE = 0,	/* the sender stops */
	TG_CLOSE_REVOKED = 1,
	TG_CLOSE_REPLACED = 2,	/* the same credential opened another session */
	TG_CLOSE_IDLE = 3,
};

_Static_assert(sizeof(struct tg_header) == TG_HEADER_BYTES, "wire");
_Static_assert(sizeof(struct tg_first) == 224, "wire");
_Static_assert(sizeof(struct tg_first_payload) == TG_FIRST_PAYLOAD, "wire");
_Static_assert(sizeof(struct tg_answer) == 204, "wire");
_Static_assert(sizeof(struct tg_answer_payload) == TG_ANSWER_PAYLOAD, "wire");
_Static_assert(sizeof(struct tg_cookie) == 64, "wire");

#endif
