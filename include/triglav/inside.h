/* SPDX-License-Identifier: MIT */
/* inside.h - the tunnel device as a veth pair: which AF_XDP socket of the inner end gets a frame that the host sends into the tunnel
 *
 *   no IP packet, or one that lies    dropped: nobody answers ARP or anything else here
 *   its flow's account, class, path   as at a TUN device (lane.h)
 *   a small flow                      the interactive lane's socket: it is read first, and the engine sends it by the fastest path
 *   bulk that is pinned to a path     the socket of that path, so the engine need not choose again
 *   other bulk, striped               the bulk lane's
 *
 * All sockets are on one queue and share one umem: sockets 0 and 1 are the lanes, TG_LANES + path id those of the paths.
 *
 * XDP sees neither fwmark nor cgroup. Where there are policies, a program at the outer end, which sees both, has found the one that counts
 * and told it in the frame's source address, which means nothing on this wire: TG_INSIDE_TAG (a group bit, so no device has it), class, path.
 *
 * The tables are asked for as lane.h says.
 */
#ifndef TRIGLAV_INSIDE_H
#define TRIGLAV_INSIDE_H

#include <triglav/lane.h>
#include <triglav/outer.h>

#define TG_INSIDE_DROP (-1)
#define TG_INSIDE_SOURCE_AT 6
#define TG_INSIDE_TAG 0x03
#define TG_INSIDE_TAG_BYTES 3

static inline void tg_inside_tell(__u8 tag[TG_INSIDE_TAG_BYTES], const struct tg_policy *policy)
{
	tag[0] = TG_INSIDE_TAG;
	tag[1] = policy->class;
	tag[2] = policy->path;
}

/* False: nothing was told. */
static inline int tg_inside_told(struct tg_policy *policy, const __u8 *frame)
{
	const __u8 *tag = frame + TG_INSIDE_SOURCE_AT;

	policy->class = tag[1];
	policy->path = tag[2] < TG_MAX_PATHS ? tag[2] : TG_PATH_NONE;
	policy->zero = 0;
	return tag[0] == TG_INSIDE_TAG && tag[1] <= TG_CLASS_BYPASS;
}

static inline int tg_inside_socket(const struct tg_flow_entry *entry)
{
	if (!entry)
		return TG_LANE_BULK;
	if (tg_lane_of(entry) == TG_LANE_INTERACTIVE)
		return TG_LANE_INTERACTIVE;
	return entry->path < TG_MAX_PATHS ? TG_LANES + entry->path : TG_LANE_BULK;
}

/* A frame of `bytes` bytes, of which those before `end` can be read. The number of its socket, or TG_INSIDE_DROP. */
static inline int tg_inside_judge(const struct tg_settings *set, const __u8 *frame, const __u8 *end, __u32 bytes)
{
	const struct tg_policy *policy = 0;
	struct tg_policy told;
	struct tg_flow f;
	__u16 type;

	if (frame + TG_ETHERNET_BYTES > end || bytes > TG_XSK_LONGEST)
		return TG_INSIDE_DROP;
	type = tg_flow_be16(frame + 12);
	if (type != TG_ETHERTYPE_IP4 && type != TG_ETHERTYPE_IP6)
		return TG_INSIDE_DROP;
	if (tg_flow_parse(&f, frame + TG_ETHERNET_BYTES, end, bytes - TG_ETHERNET_BYTES))
		return TG_INSIDE_DROP;
	if (tg_inside_told(&told, frame))
		policy = &told;
	else if (set->flags & TG_SETTINGS_POLICY)
		policy = tg_lane_policy(set, &f, 0, 0);
	return tg_inside_socket(tg_lane_take(set, &f, policy, bytes - TG_ETHERNET_BYTES));
}

_Static_assert(TG_INSIDE_SOCKETS == TG_LANES + TG_MAX_PATHS, "one for each lane, one for each path");

#endif
