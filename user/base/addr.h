// SPDX-License-Identifier: MIT
/* addr.h - addresses, address:port pairs and prefixes, IPv4 and IPv6 alike */
#ifndef TG_BASE_ADDR_H
#define TG_BASE_ADDR_H

#include <string.h>
#include <sys/socket.h>

#include "base/types.h"

#define ADDR_TEXT_BYTES 64	/* "[" IPv6 "%" scope "]:" port, or a prefix, with the NUL */

struct addr {
	u8 family;		/* 4, 6, or 0: none */
	u8 zero;
	u16 port;		/* host byte order */
	u32 scope;		/* interface of a link-local IPv6 address */
	u8 ip[16];		/* network byte order; IPv4 in the first 4, the rest zero */
};

struct prefix {
	u8 family;		/* 4, 6, or 0: none */
	u8 len;			/* bits */
	u8 ip[16];		/* as given: host bits are kept */
};

/* One carrier's view of a peer: which link, from which of our addresses, to whom. */
struct endpoint {
	u32 link;		/* number the I/O side gave the socket or connection */
	struct addr remote;
	struct addr local;	/* our own address, port 0; family 0: let the kernel choose */
};

/* "1.2.3.4:5", "[2001:db8::1]:5"; with default_port != 0 the port may be left out ("1.2.3.4",
 * "2001:db8::1"). Returns 0 or -EINVAL. */
int addr_parse(struct addr *a, const char *text, u16 default_port);

/* Writes "1.2.3.4:5" or "[..]:5" (without ":port" when port is 0) into out[ADDR_TEXT_BYTES]; returns out. */
char *addr_format(const struct addr *a, char *out);

/* Same family, address and port. */
bool addr_equal(const struct addr *a, const struct addr *b);

/* Same family and address. */
bool addr_same_ip(const struct addr *a, const struct addr *b);

/* To and from the kernel's form. addr_to_sockaddr returns the length; addr_from_sockaddr turns
 * v4-mapped IPv6 into IPv4, and gives family 0 for anything else. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
void addr_from_sockaddr(struct addr *a, const struct sockaddr *sa);

/* "10.0.0.0/8", "fd00::/8"; without "/N" the whole address. 0 or -EINVAL. */
int prefix_parse(struct prefix *p, const char *text);

/* Writes "10.0.0.0/8" into out[ADDR_TEXT_BYTES]; returns out. */
char *prefix_format(const struct prefix *p, char *out);

/* Sets the host bits to zero. */
void prefix_mask(struct prefix *p);

/* Is the address (16 bytes as in struct addr) inside? */
bool prefix_contains(const struct prefix *p, u8 family, const u8 *ip);

/* Do two prefixes share an address? */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->link == b->link && addr_equal(&a->remote, &b->remote);
}

#endif
