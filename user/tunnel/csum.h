// SPDX-License-Identifier: MIT
/* csum.h - finish a partial TCP/UDP checksum for a peer that cannot (RFC 1071) */
#ifndef TG_TUNNEL_CSUM_H
#define TG_TUNNEL_CSUM_H

#include "base/buf.h"

/* The checksum field of b holds the pseudo header's sum; afterwards it is the full checksum and
 * b->csum_partial is false. A packet that is neither TCP nor UDP is left as it is. */
void csum_finish(struct buf *b);

#endif
