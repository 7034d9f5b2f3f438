// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* steer.bpf.c - which queue of the TUN device takes an inner packet, and which worker's socket a datagram
 *
 * tg_queue is set by TUNSETSTEERINGEBPF: the lane as tunnel.bpf.c left it, and on a server the worker that has the inner destination. tg_select is the
 * program of a SO_REUSEPORT group, which has two sockets of each worker, for the two lanes. Both are socket filters, in which
 * packets are read by copying.
 */
#include <linux/bpf.h>

#include "maps.bpf.h"

#include <triglav/steer.h>

#define IP4_BYTES 20
#define IP6_BYTES 40

static __always_inline int read_address(struct __sk_buff *skb, struct tg_inner_key *key)
{
	__u8 head[IP6_BYTES];

	__builtin_memset(head, 0, sizeof(head));
	if (bpf_skb_load_bytes(skb, 0, head, IP6_BYTES) && bpf_skb_load_bytes(skb, 0, head, IP4_BYTES))
		return -1;
	key->family = (__u8)tg_inner_dst(head, head + sizeof(head), key->ip);
	return key->family ? 0 : -1;
}

/* The first worker has what nobody has, and says so. */
static __always_inline __u32 owner(struct __sk_buff *skb)
{
	const struct tg_settings *set = tg_find_settings();
	const struct tg_inner *inner = 0;
	struct tg_inner_key key;

	__builtin_memset(&key, 0, sizeof(key));
	if (set && set->flags & TG_SETTINGS_SERVER && set->workers > 1 && !read_address(skb, &key))
		inner = bpf_map_lookup_elem(&tg_inner, &key);
	return inner ? inner->worker : 0;
}

SEC("socket")
int tg_queue(struct __sk_buff *skb)
{
	return (int)tg_steer_queue(owner(skb), skb->tc_index);
}

/* A load past the end fails, and then it is nobody's. */
static __always_inline __u32 worker_of(struct __sk_buff *skb, __u8 head[TG_HEADER_BYTES], __u32 workers)
{
	__u8 byte;
	__u32 at;

	if (bpf_skb_load_bytes(skb, 0, head, TG_HEADER_BYTES))
		return TG_STEER_NOBODY;
	at = tg_steer_byte(head, skb->len);
	if (!at || bpf_skb_load_bytes(skb, at, &byte, 1))
		return TG_STEER_NOBODY;
	return tg_steer_worker(byte, workers);
}

SEC("socket")
int tg_select(struct __sk_buff *skb)
{
	const struct tg_settings *set = tg_find_settings();
	__u8 head[TG_HEADER_BYTES];

	if (!set)
		return (int)TG_STEER_NOBODY;
	__builtin_memset(head, 0, sizeof(head));
	return (int)tg_steer_socket(head, worker_of(skb, head, set->workers), set->workers);
}

char _license[] SEC("license") = "Dual MIT/GPL";
