// SPDX-License-Identifier: MIT
/* inside.h - what the files of user/bpf share
 *
 *   load.c     programs and maps are made      attach.c   where programs are attached
 *   ends.c     which datagrams are ours        publish.c  what the workers tell the programs
 *   read.c     what the programs counted       pin.c      names under /sys/fs/bpf
 *   lanes.c    programs of the tunnel device   policy.c   what the user wants of some packets
 *   inner.c    the same when it is a veth pair
 */
#ifndef TG_BPF_INSIDE_H
#define TG_BPF_INSIDE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/datapath.h"

struct uplink_bpf;
struct lanes;
struct inner;

struct attachment {
	u32 ifindex;			/* 0: free */
	enum datapath_mode mode;
	int link;			/* closing it detaches */
	u32 queues;			/* highest receive queue with an AF_XDP socket, plus one */
};

struct datapath {
	struct uplink_bpf *uplink;
	bool server;
	struct tg_settings *settings;	/* mapped */
	struct tg_sieve *sieve;		/* mapped; atomically */
	struct tg_seen *seen;		/* mapped, seen_slots of them */
	struct tg_skips *skips;		/* mapped, likewise */
	u8 *seen_used;			/* likewise; atomically */
	u32 seen_slots;
	struct tg_weights *paths;	/* mapped, two */
	union tg_wish *wishes;		/* mapped, TG_WISHES of them */
	struct lanes *lanes;		/* NULL: not loaded */
	struct inner *inner;		/* likewise */
	struct attachment attachments[TG_UPLINKS_MAX];
};

/* load.c: the object of a further program gets our maps, by name, before it is loaded; those that only it has are its own. */
int datapath_share_maps(const struct datapath *d, struct bpf_object *object);

/* load.c: why the kernel or libbpf refused; `what` says what was tried. Returns err. */
int datapath_say(char why[DATAPATH_WHY_BYTES], int err, const char *what);

/* policy.c: nothing is wished any more */
void datapath_forget_wishes(struct datapath *d);

/* lanes.c */
int datapath_put_filter(u32 ifindex, enum bpf_tc_attach_point where, int program);	/* in our place, instead of what is there */

/* attach.c */
struct attachment *datapath_find(struct datapath *d, u32 ifindex);	/* NULL: none */

/* ends.c: the interface's ends get flags and queues anew */
void datapath_refresh_ends(struct datapath *d, const struct attachment *a);

#endif
