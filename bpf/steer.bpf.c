// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* steer.bpf.c - which queue of the TUN device takes an inner packet, and which worker's socket a datagram
 *
 * tg_queue is set by TUNSETSTEERINGEBPF: the lane as tunnel.bpf.c left it, and on a server the worker that has the inner destination. tg_select is the
 * program of a SO_REUSEPORT group, whose members are bound in the order of the workers. Both are socket filters, in which
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

/* A load past the end fails; then nobody is chosen, and the kernel's hash decides. */
SEC("socket")
int tg_select(struct __sk_buff *skb)
{
	const struct tg_settings *set = tg_find_settings();
	__u8 head[TG_HEADER_BYTES], byte;
	__u32 at;

	if (!set || bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return (int)TG_STEER_NOBODY;
	at = tg_steer_byte(head, skb->len);
	if (!at || bpf_skb_load_bytes(skb, at, &byte, 1))
		return (int)TG_STEER_NOBODY;
	return (int)tg_steer_worker(byte, set->workers);
}

char _license[] SEC("license") = "Dual MIT/GPL";
