// SPDX-License-Identifier: MIT
/* fec_symbol.h - one packet as encoder and decoder keep it */
#ifndef TG_PATH_FEC_SYMBOL_H
#define TG_PATH_FEC_SYMBOL_H

#include "base/bytes.h"
#include "path/fec.h"

struct fec_symbol {
	u64 number;
	u16 len;		/* bytes in use, header included; 0: none here */
	bool recovered;		/* decoder: worked out, did not come */
	u8 bytes[FEC_SYMBOL_BYTES] __attribute__((aligned(32)));
};

/* len is at most FEC_PLAIN_BYTES. */
static inline void fec_symbol_fill(struct fec_symbol *s, u64 number, u8 flags, const u8 *plain, u32 len)
{
	s->number = number;
	s->len = (u16)(FEC_SYMBOL_HEADER + len);
	s->recovered = false;
	s->bytes[0] = flags & FEC_FLAGS;
	put_be16(s->bytes + 1, (u16)len);
	memcpy(s->bytes + FEC_SYMBOL_HEADER, plain, len);
}

/* May this plaintext be protected? Both ends leave out the same. */
static inline bool fec_symbol_fits(u8 flags, u32 len)
{
	return !(flags & TG_FLAG_COPY) && len > TG_ORDER_BYTES && len <= FEC_PLAIN_BYTES;
}

#endif
