// SPDX-License-Identifier: MIT
/* pool.h - inner addresses of one prefix, handed out to clients
 *
 * Pure; the caller locks. The first host address is the server's; the network address and IPv4's
 * broadcast address are nobody's. An address stays with its owner after it was released: the
 * owner gets it again, and it goes to somebody else only when no address without an owner is
 * left.
 */
#ifndef TG_SERVER_POOL_H
#define TG_SERVER_POOL_H

#include "base/addr.h"

#define POOL_MAX_ADDRESSES (1u << 20)	/* of larger prefixes the first ones are used */

struct pool;

/* Host bits of the prefix are ignored. -EINVAL: no room for a client (longer than /30, /126).
 * -ENOMEM. */
int pool_new(struct pool **out, const struct prefix *prefix);
void pool_free(struct pool *p);		/* NULL is fine */

/* The server's own address, with the prefix's length. */
void pool_server(const struct pool *p, struct prefix *out);

/* Clients that fit, and addresses in use. */
u32 pool_size(const struct pool *p);
u32 pool_used(const struct pool *p);

/* `ip` (4 or 16 bytes by family) belongs to this owner when it comes. Ignored when it is
 * outside, reserved or somebody's. */
void pool_reserve(struct pool *p, u64 owner, const u8 *ip);

/* An address for owner (0: nobody in particular), the same again while or after it has one.
 * Every take needs a release. -ENOSPC: all are in use; -ENOMEM. */
int pool_take(struct pool *p, u64 owner, u8 *ip);
void pool_release(struct pool *p, const u8 *ip);

/* Does the owner hold an address now? */
bool pool_holds(const struct pool *p, u64 owner);

#endif
