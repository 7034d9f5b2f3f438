// SPDX-License-Identifier: MIT
/* steer.h - an XDP program of a dozen instructions: UDP frames go to the AF_XDP socket of their queue
 *
 * For tests of the link alone; the daemon has bpf/uplink.bpf.c. Untagged IPv4 or IPv6 with UDP, no longer than a frame
 * of the umem holds: into the map; everything else, and queues without a socket: to the kernel.
 */
#ifndef TG_TESTS_STEER_H
#define TG_TESTS_STEER_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include "base/types.h"

#define STEER_LONGEST 1700

struct steer {
	int map, program;
};

#define I(op, d, s, o, i) ((struct bpf_insn){ .code = (op), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define LDX(size, d, s, o) I(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define MOV(d, i) I(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOVR(d, s) I(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD(d, i) I(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define IF(op, d, i, o) I(BPF_JMP | (op) | BPF_K, d, 0, o, i)
#define IFR(op, d, s, o) I(BPF_JMP | (op) | BPF_X, d, s, o, 0)
#define EXIT I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* r6: context, r2: data, r3: end, r4 and r5: at work. Numbers at the side are what jumps aim at. */
static inline int steer_load(struct steer *s, u32 queues)
{
	s->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "test_xsks", 4, 4, queues, NULL);
	struct bpf_insn code[] = {
		/*  0 */ MOVR(6, 1),
		/*  1 */ LDX(BPF_W, 2, 6, offsetof(struct xdp_md, data)),
		/*  2 */ LDX(BPF_W, 3, 6, offsetof(struct xdp_md, data_end)),
		/*  3 */ MOVR(4, 2),
		/*  4 */ ADD(4, 42),
		/*  5 */ IFR(BPF_JGT, 4, 3, 15),		/* shorter: pass */
		/*  6 */ MOVR(4, 2),
		/*  7 */ ADD(4, STEER_LONGEST),
		/*  8 */ IFR(BPF_JLE, 4, 3, 12),		/* longer: pass */
		/*  9 */ LDX(BPF_H, 4, 2, 12),
		/* 10 */ LDX(BPF_B, 5, 2, 23),			/* protocol of IPv4 */
		/* 11 */ IF(BPF_JEQ, 4, 0x0008, 2),
		/* 12 */ LDX(BPF_B, 5, 2, 20),			/* next header of IPv6 */
		/* 13 */ IF(BPF_JNE, 4, 0xdd86, 7),
		/* 14 */ IF(BPF_JNE, 5, 17, 6),
		/* 15 */ LDX(BPF_W, 2, 6, offsetof(struct xdp_md, rx_queue_index)),
		/* 16 */ I(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, s->map),
		/* 17 */ I(0, 0, 0, 0, 0),
		/* 18 */ MOV(3, XDP_PASS),
		/* 19 */ I(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		/* 20 */ EXIT,
		/* 21 */ MOV(0, XDP_PASS),
		/* 22 */ EXIT,
	};

	if (s->map < 0)
		return s->map;
	s->program = bpf_prog_load(BPF_PROG_TYPE_XDP, "test_steer", "GPL", code, ARRAY_SIZE(code), NULL);
	return s->program < 0 ? s->program : 0;
}

static inline int steer_attach(const struct steer *s, u32 ifindex, bool generic)
{
	return bpf_xdp_attach((int)ifindex, s->program, generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE, NULL);
}

static inline int steer_add(const struct steer *s, u32 queue, int fd)
{
	return bpf_map_update_elem(s->map, &queue, &fd, BPF_ANY);
}

static inline int steer_remove(const struct steer *s, u32 queue)
{
	return bpf_map_delete_elem(s->map, &queue);
}

static inline void steer_close(struct steer *s)
{
	close(s->program);
	close(s->map);
}

#undef I
#undef LDX
#undef MOV
#undef MOVR
#undef ADD
#undef IF
#undef IFR
#undef EXIT

#endif
