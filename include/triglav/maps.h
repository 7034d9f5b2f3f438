/* SPDX-License-Identifier: MIT */
/* maps.h - what BPF maps hold and what userspace counts under the same names
 *
 * Every dropped packet has one of these reasons.
 */
#ifndef TRIGLAV_MAPS_H
#define TRIGLAV_MAPS_H

#include <linux/types.h>

/* reason, name as shown to people, what it means */
#define TG_DROPS(X) \
	X(SHORT, "short", "too few bytes for its type, or trailing ones") \
	X(UNKNOWN_TYPE, "unknown_type", "no such datagram type") \
	X(BAD_HEADER, "bad_header", "reserved bits or fields that must be zero are set") \
	X(NO_SESSION, "no_session", "receiver index belongs to no key here") \
	X(REPLAY, "replay", "packet number already accepted, or older than the window") \
	X(FORGED, "forged", "authentication failed") \
	X(COPY, "copy", "another copy of this packet was accepted before") \
	X(KEY_EXPIRED, "key_expired", "key too old or used up") \
	X(BAD_MAC, "bad_mac", "handshake whose mac1 is wrong") \
	X(NO_COOKIE, "no_cookie", "handshake under load without a valid mac2; a cookie was sent") \
	X(BAD_HANDSHAKE, "bad_handshake", "handshake that does not decrypt, or with a low-order point") \
	X(OLD_HANDSHAKE, "old_handshake", "handshake not later than the last accepted one") \
	X(LATE_ANSWER, "late_answer", "answer to a handshake that is over: another attempt came first") \
	X(NOT_ADMITTED, "not_admitted", "unknown or revoked client, or server full") \
	X(WRONG_SECRET, "wrong_secret", "handshake that does not prove the client's secret") \
	X(VERSION, "version", "unknown protocol version") \
	X(SUITE, "suite", "cipher suite not available here") \
	X(RATE, "rate", "more handshakes than one source may have pending") \
	X(INNER_MALFORMED, "inner_malformed", "inner packet is no valid IP packet") \
	X(INNER_SOURCE, "inner_source", "inner source address is not the client's") \
	X(INNER_NO_CLIENT, "inner_no_client", "no client has this inner destination") \
	X(FRAGMENT, "fragment", "half of an inner packet whose other half is missing") \
	X(TOO_LARGE, "too_large", "inner packet larger than the tunnel carries") \
	X(NO_PATH, "no_path", "no path can carry the packet now") \
	X(NO_BUFFER, "no_buffer", "the worker's buffer pool is dry") \
	X(NO_MEMORY, "no_memory", "no memory for a new key or session") \
	X(LINK_FULL, "link_full", "the link's socket took no more") \
	X(LINK_ERROR, "link_error", "the link refused the packet") \
	X(QUEUE_DELAY, "queue_delay", "waited too long for the links: its sender is too fast") \
	X(QUEUE_FULL, "queue_full", "too many packets wait for the links") \
	X(BAD_FRAME, "bad_frame", "control frame that does not parse")

enum tg_drop {
#define TG_DROP_ENUM(name, text, help) TG_DROP_##name,
	TG_DROPS(TG_DROP_ENUM)
#undef TG_DROP_ENUM
	TG_DROP_COUNT
};

#endif
