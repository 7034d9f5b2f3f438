// SPDX-License-Identifier: MIT
/* settings.h - what client and server settings have in common
 *
 * Plain values that the caller fills in (command line, file); `run` copies what it keeps.
 * A struct of all zeroes is valid but for the fields marked "required".
 */
#ifndef TG_RUN_SETTINGS_H
#define TG_RUN_SETTINGS_H

#include "base/addr.h"
#include "base/types.h"
#include "tunnel/tunnel.h"

#define RUN_NAME_BYTES 32	/* instance names: letters, digits, '-', '_', '.' */
#define RUN_ERROR_BYTES 256	/* one line for people: what is wrong and what to do */
#define RUN_MAX_PREFIXES 128	/* of one list */
#define RUN_MAX_DNS 4

#define RUN_STATE_DIR "/var/lib/triglav"
#define RUN_RUNTIME_DIR "/run/triglav"
#define RUN_TUN_NAME "tg0"

struct prefix_list {
	u32 count;
	struct prefix at[RUN_MAX_PREFIXES];
};

#define POLICIES_MAX 64u
#define POLICY_TEXT_BYTES 224

/* What the user wants of some packets. */
struct policy {
	u32 kind;			/* enum tg_policy_kind */
	u64 value;			/* as in struct tg_policy_key; a port with protocol 0 is for TCP and UDP; a cgroup that is not there: 0 */
	u8 class;			/* enum tg_class: AUTO, REALTIME, BULK, BYPASS */
	u8 slot;			/* of a bypass, in the firewall; the daemon's business */
	char path[TUNNEL_NAME_BYTES];	/* "": any */
	char text[POLICY_TEXT_BYTES];	/* which packets, as it was said; of a cgroup its folder, absolute */
};

struct policy_list {
	u32 count;
	struct policy at[POLICIES_MAX];
};

/* What carries an uplink's datagrams. */
enum run_datapath {
	RUN_DATAPATH_UNSAID,	/* of an uplink: as for all; of all: auto */
	RUN_DATAPATH_AUTO,	/* AF_XDP where the driver gives zero-copy on all queues, else the socket */
	RUN_DATAPATH_UDP,	/* the socket */
	RUN_DATAPATH_XDP,	/* AF_XDP where it works at all, else the socket */
};

int run_datapath_parse(const char *name);	/* "auto", "udp", "xdp"; -1 when unknown */
const char *run_datapath_name(enum run_datapath datapath);	/* the same; "" when unsaid */

/* What the tunnel device is. */
enum run_device {
	RUN_DEVICE_TUN,		/* a TUN device: super-packets */
	RUN_DEVICE_VETH,	/* a veth pair with AF_XDP at its inner end, where that works; else TUN */
};

int run_device_parse(const char *name);		/* "tun", "veth"; -1 when unknown */
const char *run_device_name(enum run_device kind);

/* Where an instance keeps its things. */
struct run_place {
	char name[RUN_NAME_BYTES];	/* "": the tunnel device's name */
	const char *state_dir;		/* NULL: RUN_STATE_DIR; made 0700 when missing */
	const char *runtime_dir;	/* NULL: RUN_RUNTIME_DIR; made 0750 when missing */
};

/* How this end sends over its paths; the other end has its own. All zeroes: aggregation "none", or else the defaults. */
struct run_sending {
	enum sched_strategy strategy;
	enum sched_aggregation aggregation;
	enum rate_control congestion;
	bool no_copies;			/* small flows travel once */
};

/* The same for the engine. */
void run_sending_fill(const struct run_sending *sending, struct tunnel_settings *out);

#endif
