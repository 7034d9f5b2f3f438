// SPDX-License-Identifier: MIT
/* nft.h - the firewall tables: server, client, kill switch
 *
 * Each table is replaced in one transaction: there is no moment with half of it. Tables of
 * others are not looked at (a drop in one of theirs still drops).
 */
#ifndef TG_HOST_NFT_H
#define TG_HOST_NFT_H

#include "base/addr.h"
#include "host/host.h"

struct host_nft_server {
	const char *tun;		/* device */
	struct prefix pool4, pool6;	/* family 0: none */
	struct addr inner4, inner6;	/* the server's own addresses in the tunnel */
	bool masquerade4, masquerade6;	/* else routed: then connections from outside to clients are let through */
	bool client_to_client;
	bool dns;			/* clients may ask port 53 of inner4/inner6 */
	const struct prefix *allow;	/* private destinations that are permitted all the same */
	u32 allow_count;
};

/* Forwarding of clients: only sources of the pools; not to one another; not to private, loopback, link-local, multicast and
 * metadata addresses unless allowed; not to this host except ICMP echo to the inner addresses (and DNS); answers come
 * back; masquerade; MSS clamped to the path MTU. Needs forwarding (sysctl.h). 0 or errno with why[HOST_WHY_BYTES]. */
int host_nft_server(struct host *h, const struct host_nft_server *set, char *why);
int host_nft_server_remove(struct host *h);

/* What the server table drops, with the names of its counters. */
#define HOST_NFT_DROPS(X) \
	X(source, "from a client, with a source outside the pools") \
	X(client_to_client, "from one client to another, without --client-to-client") \
	X(private_destination, "to a private network that --allow does not name") \
	X(to_host, "to this server itself, other than a ping or DNS") \
	X(inbound, "from outside to a client, asked for by nobody")

struct host_nft_drops {		/* packets */
#define HOST_NFT_DROP(name, help) u64 name;
	HOST_NFT_DROPS(HOST_NFT_DROP)
#undef HOST_NFT_DROP
};

/* What the server table dropped so far (nft_drops.c). -ENOENT without a table; -EPROTO: it is not as host_nft_server() made it, or the answer
 * cannot be read; others as the kernel says. In case of an error *out is what could be read, else 0. */
int host_nft_drops(struct host *h, struct host_nft_drops *out);

/* Is it among the destinations that clients may not reach unless `allow` names them? */
bool host_nft_is_private(const struct addr *a);

/* A client that forwards for a network behind it: what leaves by the device with another source than the inner addresses is
 * masqueraded, MSS clamped. Harmless when nothing is forwarded. */
struct host_nft_client {
	const char *tun;
	struct addr inner4, inner6;	/* family 0: none */
};
int host_nft_client(struct host *h, const struct host_nft_client *set, char *why);
int host_nft_client_remove(struct host *h);

struct host_nft_kill_switch {
	const char *tun;
	const struct prefix *allow;	/* LAN and excludes: may be reached in the clear */
	u32 allow_count;
	bool block_dns;			/* port 53 and 853 only through the tunnel or loopback, even to `allow` */
};

/* From now on only marked packets, the device, loopback, `allow`, DHCP and neighbour discovery may leave, also for
 * forwarded packets. Works before the device exists. Stays after a crash until host_close()/host_sweep() without keep_kill_switch, or
 * host_nft_kill_switch_remove(). Name look-ups of the caller itself need marked sockets. */
int host_nft_kill_switch(struct host *h, const struct host_nft_kill_switch *set, char *why);
int host_nft_kill_switch_remove(struct host *h);
/* Name of its table (family inet). out[HOST_WHY_BYTES] is the caller's. Returns out. */
char *host_nft_kill_switch_table(const struct host *h, char *out);

#endif
