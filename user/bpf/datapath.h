// SPDX-License-Identifier: MIT
/* datapath.h - the kernel's part: BPF programs, their maps, and where they are attached
 *
 * One struct datapath per daemon. It stands on include/triglav/maps.h: what is written here, programs read there.
 * The control thread loads, attaches and closes; workers call what is marked (worker), from their own thread, for
 * their own sessions. Programs are attached by links that nobody pins: when the process ends, however it ends, they are gone.
 *
 * Errors are negative errnos. Where there is a `why`, it gets one line for people that the caller logs, once: what the kernel
 * refused and what goes on instead is the caller's business.
 */
#ifndef TG_BPF_DATAPATH_H
#define TG_BPF_DATAPATH_H

#include <triglav/maps.h>

#include "base/addr.h"

#define DATAPATH_WHY_BYTES 256
#define DATAPATH_PINS "/sys/fs/bpf/triglav"

enum datapath_mode {
	DATAPATH_OFF,
	DATAPATH_NATIVE,	/* in the driver */
	DATAPATH_GENERIC,	/* in the stack's first step: any device, less gain; copies pass (see TG_END_RUNS) */
	DATAPATH_AUTO,		/* native where that costs nothing else, else off */
};

struct datapath_settings {
	bool server;
	u32 workers;			/* 0: 1 */
	u32 indices;			/* receiver indices at a time; 0: 1024 for a client, 65536 for a server */
	u32 seen_slots;			/* sessions with copies at a time, 12 KB each; 0: 4, 256 */
	u32 handshakes_per_second;	/* first messages that get through, on all CPUs together; 0: any */
	u32 handshakes_per_source;	/* of them from one prefix on one CPU; 0: any */
	u64 hash_key;			/* of flow hashes */
};

struct datapath;

/* ---- load.c ---- */

/* Loads the filter and makes the maps; attaches nothing. -EPERM, -ENOMEM, -EACCES or -EINVAL (the verifier refused: a bug)...: why is filled. */
int datapath_load(struct datapath **out, const struct datapath_settings *set, char why[DATAPATH_WHY_BYTES]);

/* handshakes_per_second and handshakes_per_source, from now on. */
void datapath_set_rates(struct datapath *d, u32 per_second, u32 per_source);

/* Detaches, closes and frees everything; pins stay (datapath_unpin()). NULL is fine. */
void datapath_close(struct datapath *d);

/* Descriptor of a map, ours: "tg_flows". -ENOENT. */
int datapath_map(const struct datapath *d, const char *name);

/* Descriptor of the filter program for BPF_PROG_RUN. */
int datapath_program(const struct datapath *d, bool ethernet);

/* "off", "native", "generic", "auto"; -1 when unknown. */
int datapath_parse_mode(const char *name);
const char *datapath_mode_name(enum datapath_mode mode);

/* ---- attach.c ---- */

/* Puts the filter on an interface. *got (may be NULL): how it is attached. Nothing passes through it before an end is put there.
 *   -EBUSY: another XDP program is there; it is left alone    -EOPNOTSUPP: not in this mode, or no such framing
 *   -EALREADY: it is attached    -ENOSPC: TG_UPLINKS_MAX are    -ENODEV, -EPERM, ... */
int datapath_attach(struct datapath *d, u32 ifindex, enum datapath_mode want, enum datapath_mode *got, char why[DATAPATH_WHY_BYTES]);

/* Takes it away, and its ends. Fine when it is not there. */
void datapath_detach(struct datapath *d, u32 ifindex);

/* How it is attached now; DATAPATH_OFF also when the interface has vanished or somebody took it away by force. */
enum datapath_mode datapath_attached(const struct datapath *d, u32 ifindex);

/* ---- ends.c ---- */

/* From now on datagrams to this address and port (address all zero: any) that arrive there are judged. -ENOENT: not attached. */
int datapath_put_end(struct datapath *d, u32 ifindex, const struct addr *local);
void datapath_remove_end(struct datapath *d, u32 ifindex, const struct addr *local);
void datapath_remove_ends(struct datapath *d, u32 ifindex);	/* all of the interface */

/* An AF_XDP socket takes over a receive queue of the interface; what passes goes there. Remove it before it is closed. The slot empties
 * by itself when the socket goes. -ENOENT: not attached; -ERANGE: no such queue. */
int datapath_put_xsk(struct datapath *d, u32 ifindex, u32 queue, int xsk_fd);
void datapath_remove_xsk(struct datapath *d, u32 ifindex, u32 queue);

/* ---- publish.c ---- */

/* (worker) A receiver index is in use: before anything is sent that names it, and again when its session has got a slot of datapath_take_seen()
 * (TG_SEEN_NONE: it has none). When the map is full it is noted there, and unknown indices pass from then on. */
void datapath_put_index(struct datapath *d, u32 index, u32 seen, u32 path);
void datapath_remove_index(struct datapath *d, u32 index);		/* (worker) */

/* (worker) A window for the copy ids of a session, clean, shared with XDP, and what XDP drops by it. False: none is left; the session then keeps a
 * window of its own. Give it back after its indices were removed. */
bool datapath_take_seen(struct datapath *d, u32 *slot, struct tg_seen **seen, struct tg_skips **skips);
void datapath_give_seen(struct datapath *d, u32 slot);			/* (worker) */

/* (worker) This address was proved: its handshakes have a reserved share until then (us). */
void datapath_know_source(struct datapath *d, const struct addr *from, u64 until_us);

/* (worker) It lives; within TG_HEARTBEAT_NS again, else everything passes. now_us 0: it ends. */
void datapath_beat(struct datapath *d, u32 worker, u64 now_us);

/* (worker) Tells the programs how long the machine has slept; now and then. */
void datapath_set_suspended(struct datapath *d);

/* Of flow hashes, once it is known. */
void datapath_set_hash_key(struct datapath *d, u64 key);

/* (worker) How pinned flows are shared among the paths, as a whole; one worker publishes. Does nothing when it is as before. */
void datapath_publish(struct datapath *d, const struct tg_weights *weights);

/* ---- lanes.c: the tunnel device ---- */

enum datapath_lane_program {
	DATAPATH_TUNNEL_OUT, DATAPATH_TUNNEL_IN,	/* at TC */
	DATAPATH_QUEUE,		/* for TUNSETSTEERINGEBPF: queue worker * TG_LANES + lane */
	DATAPATH_SELECT,	/* for SO_ATTACH_REUSEPORT_EBPF: the worker and the lane, see tg_steer_socket() */
};

/* Loads classifier and steering; attaches nothing. Without it the functions that follow do nothing, or say -ENOENT. */
int datapath_load_lanes(struct datapath *d, char why[DATAPATH_WHY_BYTES]);

/* Takes the programs away again, from the tunnel device too. Fine when they are not loaded. */
void datapath_free_lanes(struct datapath *d);

/* Descriptor of a program, ours. -ENOENT. */
int datapath_lane_program(const struct datapath *d, enum datapath_lane_program which);

/* Puts the classifier on the tunnel device, in place of what a daemon left there. -EALREADY; -ENODEV, -EPERM, -EOPNOTSUPP (no clsact): why is filled. */
int datapath_attach_tunnel(struct datapath *d, u32 ifindex, char why[DATAPATH_WHY_BYTES]);
void datapath_detach_tunnel(struct datapath *d);	/* fine when it is not there */
bool datapath_tunnel_is_attached(const struct datapath *d);

/* ---- inner.c: the tunnel device as a veth pair ---- */

enum datapath_inner_program {
	DATAPATH_INNER_OUT,			/* XDP at the inner end */
	DATAPATH_INNER_TAG, DATAPATH_INNER_IN,	/* at TC of the outer one */
};

/* Loads them; attaches nothing. */
int datapath_load_inner(struct datapath *d, char why[DATAPATH_WHY_BYTES]);

/* Takes XDP away and frees the programs: also before datapath_close(), when it comes to nothing. Fine without them. */
void datapath_free_inner(struct datapath *d);

/* Descriptor of a program, ours. -ENOENT. */
int datapath_inner_program(const struct datapath *d, enum datapath_inner_program which);

/* Puts XDP on the inner end (its ifindex), native if it can be, and the filters on the outer one; the devices are new, so nothing is in the way. *got: how. On error
 * some of it may be there until the devices go. -EOPNOTSUPP, -EPERM...: why is filled. */
int datapath_attach_inner(struct datapath *d, u32 outer, u32 inner, enum datapath_mode want, enum datapath_mode *got,
			  char why[DATAPATH_WHY_BYTES]);

/* The AF_XDP socket that has this number (triglav/inside.h). The slot empties when the socket goes. -ERANGE. */
int datapath_put_inner_xsk(struct datapath *d, u32 number, int xsk_fd);

/* Is there a classifier, for a tunnel device of either kind? Without one policies are idle. */
bool datapath_classifies(const struct datapath *d);

/* ---- policy.c ---- */

/* What is wanted of packets of a kind, in place of what was wanted of them. -EINVAL: no such kind; -ENOSPC. Control thread. */
int datapath_put_policy(struct datapath *d, const struct tg_policy_key *key, const struct tg_policy *policy);
int datapath_remove_policy(struct datapath *d, const struct tg_policy_key *key);	/* -ENOENT */
u32 datapath_policies(const struct datapath *d, struct tg_policy_key *keys, struct tg_policy *policies, u32 max);

/* (worker) Is there anything wished at all? What is wished of a flow; class TG_CLASS_AUTO and path TG_PATH_NONE: nothing. */
bool datapath_has_policies(const struct datapath *d);
union tg_wish datapath_wish(const struct datapath *d, u32 flow_hash);

/* The key of flow hashes as it is now. The hashes of who asks for a wish must be made with it. */
u64 datapath_hash_key(const struct datapath *d);

/* (worker) Inner packets to this address are a worker's (server); nothing to do where there is one. -E2BIG: the table is full, and the first worker gets them. */
int datapath_put_inner(struct datapath *d, u8 family, const u8 *ip, u32 worker);
void datapath_remove_inner(struct datapath *d, u8 family, const u8 *ip, u32 worker);

/* ---- read.c ---- */

struct datapath_counts {
	struct tg_counters counters;		/* of all CPUs */
	u64 drops[TG_DROP_COUNT];
};

/* 0 or a negative errno. Any thread. */
int datapath_read(const struct datapath *d, struct datapath_counts *out);

/* ---- pin.c ---- */

/* Pins all maps under DATAPATH_PINS/NAME (0700), in place of what a killed instance of that name left. -EINVAL for a name with '/'; -ENOENT,
 * -EPERM: no BPF file system, or not writable: why is filled, and nothing depends on it. */
int datapath_pin(const struct datapath *d, const char *name, char why[DATAPATH_WHY_BYTES]);
void datapath_unpin(const char *name);		/* also for sweeping */

#endif
