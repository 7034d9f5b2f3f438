// SPDX-License-Identifier: MIT
/* csum.c - finish a partial TCP/UDP checksum */
#include "tunnel/csum.h"

#include <triglav/flow.h>

#include "base/bytes.h"

static u16 sum_of(const u8 *p, u32 len)
{
	u64 sum = 0;

	for (; len >= 2; p += 2, len -= 2)
		sum += get_be16(p);
	if (len)
		sum += (u64)*p << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

void csum_finish(struct buf *b)
{
	struct tg_flow flow;
	u32 field, sum;

	b->csum_partial = false;
	if (tg_flow_parse(&flow, b->data, b->data + b->len, b->len) || flow.fragment)
		return;
	if (flow.protocol == TG_PROTO_TCP)
		field = flow.l4_offset + 16u;
	else if (flow.protocol == TG_PROTO_UDP)
		field = flow.l4_offset + 6u;
	else
		return;
	sum = sum_of(b->data + flow.l4_offset, flow.bytes - flow.l4_offset);
	if (!sum && flow.protocol == TG_PROTO_UDP)
		sum = 0xffff;	/* zero would say "no checksum" (RFC 768) */
	put_be16(b->data + field, (u16)sum);
}
