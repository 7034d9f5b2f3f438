// SPDX-License-Identifier: MIT
/* inside.h - what the files of this folder share and nobody else needs */
#ifndef TG_HOST_INSIDE_H
#define TG_HOST_INSIDE_H

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/types.h"
#include "host/links.h"
#include "host/netlink.h"

#define NAME_MAX_BYTES 33
#define HOST_NETWORKS 128	/* connected networks that are kept out of the tunnel */

struct host {
	char name[NAME_MAX_BYTES];
	char nft_name[NAME_MAX_BYTES + 16];	/* "triglav_" and the name, letters nft takes */
	char runtime_dir[PATH_MAX / 2];
	char state_dir[PATH_MAX / 2];
	int lock_fd;
	u32 base;		/* the mark, and the first table */
	struct nl_sock *netlink;
	u32 sysctl_order;	/* of the next setting made */
	bool loose;		/* uplinks need a loose rp_filter */
	bool leads;		/* something goes into the tunnel: connected networks need rules */
	struct prefix networks[HOST_NETWORKS];	/* those that have one */
	u32 network_count;
	struct host_uplink uplinks[HOST_TABLES - 1];	/* [n] has table base + 1 + n; ifindex 0: free */

	bool resolved_used;	/* RevertLink is due */
	u32 resolved_ifindex;
	char bus_address[256];	/* "": the system bus */
};

/* Writes the sentence that goes with an error. why may be NULL. Returns err. */
int host_fail(char *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Small files (files.c) */

/* Whole file into out, NUL-terminated; the length, or a negative errno (-EFBIG: does not fit). */
int file_read(const char *path, char *out, size_t out_bytes);
/* As file_read, without the white space at its end. */
int file_read_line(const char *path, char *out, size_t out_bytes);
/* Through a new file beside it, synced and renamed: the old or the new content, never half. */
int file_replace(const char *path, const char *data, size_t len, unsigned int mode);
/* In place, truncating: for bind mounts and /proc. */
int file_write(const char *path, const char *data, size_t len);
/* mkdir -p */
int dir_make(const char *path);

/* resolv.conf and resolved, each for itself (dns.h joins them) */
struct host_dns;
int resolvconf_set(struct host *h, const struct host_dns *set, char *why);
int resolvconf_restore(struct host *h);
/* Does resolv.conf send the questions to resolved's own listener? */
bool resolvconf_uses_stub(const char *path);
/* -ENOENT: resolved does not run. */
int resolved_set(struct host *h, const struct host_dns *set, char *why);
int resolved_restore(struct host *h);

/* Keeps a setting's value for host_sysctl_restore without writing it: `predicted` is what it will read once a
 * setting made later has had its side effect. */
int sysctl_remember(struct host *h, const char *key, const char *predicted);
int sysctl_read(const char *key, char *out, size_t out_bytes);

/* The question of host_way_of() as a message (way.c). NULL without memory. */
struct host_way_ask;
struct nl_msg *way_message(const struct host_way_ask *ask);

/* Readers of netlink messages, without a socket: for the fuzzer, and used by those with one. */
void links_read(const void *bytes, size_t len);
void host_monitor_feed(struct host_monitor *m, const void *bytes, size_t len);

enum host_nft_keep { HOST_NFT_KEEP_NONE, HOST_NFT_KEEP_KILL_SWITCH, HOST_NFT_KEEP_ALL };
int host_nft_sweep(struct host *h, enum host_nft_keep keep);

#endif
