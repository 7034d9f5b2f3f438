// SPDX-License-Identifier: MIT
/* udp_lanes.c - two sockets at one address, and the program that sorts datagrams between them and among workers
 *
 *   UDP 7443 --SO_REUSEPORT--+-- worker 0, interactive
 *                            +-- worker 0, bulk
 *                            +-- worker 1, interactive
 *                            ...
 */
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <triglav/steer.h>

#include "link/udp.h"

#define INTERACTIVE_PLACES 512u	/* they wait for their turn, most of them single datagrams */

/* The program sees the UDP payload. A load past its end would make it return 0, which is a member, so lengths are checked
 * first; TG_STEER_NOBODY is out of range and makes the kernel fall back to its hash. */

/* Instructions that are jumped to, and the distance to one of them. */
enum { LINE_DATA = 13, LINE_RECEIVER = 16, LINE_WORKER = 17, LINE_NOBODY = 22 };
#define TO(line, here) ((line) - (here) - 1)

/* As tg_steer_socket() does. */
int udp_steer_workers(struct udp *first, u32 workers)
{
	struct sock_filter code[] = {
		/*  0 */ BPF_STMT(BPF_LDX | BPF_IMM, TG_LANE_BULK),
		/*  1 */ BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		/*  2 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, TG_HEADER_BYTES, 0, TO(LINE_NOBODY, 2)),
		/*  3 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TG_STEER_TYPE_AT),
		/*  4 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TG_TYPE_DATA, TO(LINE_DATA, 4), 0),
		/*  5 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TG_TYPE_CONTROL, TO(LINE_RECEIVER, 5), 0),
		/*  6 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TG_TYPE_FIRST, 0, TO(LINE_NOBODY, 6)),
		/*  7 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TG_STEER_PATTERN_AT),
		/*  8 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TG_PATTERN_NKPSK0, 0, TO(LINE_NOBODY, 8)),
		/*  9 */ BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		/* 10 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, sizeof(struct tg_first), 0, TO(LINE_NOBODY, 10)),
		/* 11 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TG_STEER_HANDLE_AT),
		/* 12 */ BPF_STMT(BPF_JMP | BPF_JA, TO(LINE_WORKER, 12)),
		/* 13 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TG_STEER_FLAGS_AT),
		/* 14 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TG_FLAG_AHEAD, 0, TO(LINE_RECEIVER, 14)),
		/* 15 */ BPF_STMT(BPF_LDX | BPF_IMM, TG_LANE_INTERACTIVE),
		/* 16 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TG_STEER_RECEIVER_AT),
		/* 17 */ BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TG_MAX_WORKERS - 1),
		/* 18 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, workers, TO(LINE_NOBODY, 18), 0),
		/* 19 */ BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, TG_LANES),
		/* 20 */ BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		/* 21 */ BPF_STMT(BPF_RET | BPF_A, 0),
		/* 22 */ BPF_STMT(BPF_RET | BPF_K, workers == 1 ? TG_LANE_BULK : TG_STEER_NOBODY),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (!workers || workers > TG_MAX_WORKERS)
		return -EINVAL;
	if (setsockopt(udp_fd(first), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)))
		return -errno;
	return 0;
}

int udp_steer_by(struct udp *first, int program)
{
	return setsockopt(udp_fd(first), SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program, sizeof(program)) ? -errno : 0;
}

/* The address as one has it who shares it with nobody: with a port, and refused where others of the same user have a group. */
static int claim(const struct udp_settings *set, struct addr *at)
{
	struct udp_settings alone = *set;
	struct udp *u;
	int err;

	alone.reuse_port = false;
	err = udp_open(&u, 0, &alone);
	if (err)
		return err;
	udp_local(u, at);
	udp_close(u);
	return 0;
}

int udp_join_lanes(struct udp *lanes[TG_LANES], u32 link, const struct udp_settings *set)
{
	struct udp_settings bulk = *set, interactive;
	int err;

	bulk.reuse_port = true;
	interactive = bulk;
	interactive.places = INTERACTIVE_PLACES;
	err = udp_open(&lanes[TG_LANE_INTERACTIVE], link, &interactive);
	if (err)
		return err;
	err = udp_open(&lanes[TG_LANE_BULK], link, &bulk);
	if (err)
		udp_close(lanes[TG_LANE_INTERACTIVE]);
	return err;
}

static int steer(struct udp *first, u32 workers, int program)
{
	return program >= 0 && !udp_steer_by(first, program) ? 0 : udp_steer_workers(first, workers);
}

int udp_open_lanes(struct udp *lanes[TG_LANES], u32 link, const struct udp_settings *set, u32 workers, int program)
{
	struct udp_settings claimed = *set;
	int err = claim(set, &claimed.bind);

	if (!err)
		err = udp_join_lanes(lanes, link, &claimed);
	if (err)
		return err;
	err = steer(lanes[TG_LANE_BULK], workers, program);
	if (!err)
		return 0;
	udp_close(lanes[TG_LANE_INTERACTIVE]);
	udp_close(lanes[TG_LANE_BULK]);
	lanes[TG_LANE_INTERACTIVE] = NULL;
	return workers == 1 ? udp_open(&lanes[TG_LANE_BULK], link, set) : err;
}
