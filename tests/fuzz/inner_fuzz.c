// SPDX-License-Identifier: MIT
/* inner_fuzz.c - arbitrary bytes as inner packets: the flow parser, the cutter and the joiner
 *
 * Input: a virtio-net header, then the packet; and the same bytes once more as packets of a peer, which may
 * have any content: flags, length, content of each. Beyond not crashing, what comes out must hold together.
 */
#include <stdlib.h>
#include <string.h>
#include <triglav/flow.h>

#include "link/cut.h"
#include "link/join.h"

#define MUST(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static void check_flow(const u8 *data, u32 len)
{
	struct tg_flow f;
	u8 ip[16];

	(void)tg_inner_src(data, data + len, ip);
	if (tg_flow_parse(&f, data, data + len, len))
		return;
	MUST(f.bytes <= len);
	MUST(f.l4_offset <= f.payload_offset);
	MUST(f.payload_offset + f.payload_bytes <= f.bytes);
	MUST(tg_flow_hash(&f, len));
	MUST(tg_inner_dst(data, data + len, ip) == f.family && !memcmp(ip, f.dst, 16));
}

static u32 join_all(struct buf_queue *q)
{
	struct iovec iov[JOIN_MAX_PACKETS + 1];
	struct virtio_net_hdr vh;
	struct join join;
	struct buf *b;
	u32 packets = 0;

	join_start(&join, true);
	while ((b = buf_queue_take(q))) {
		if (!join_add(&join, b))
			buf_put(b);
	}
	for (u32 i = 0; i < join.count; i++) {
		int n = join_form(&join.groups[i], &vh, iov);

		MUST(n < 0 || n == (int)join.groups[i].packets + 1);
		packets += join.groups[i].packets;
		join_release(&join.groups[i]);
	}
	return packets;
}

static void join_packets_of_a_peer(struct buf_pool *pool, const u8 *data, size_t size)
{
	struct buf_queue q = { 0 };
	u32 count = 0;

	while (size > 3 && count < 64) {
		struct buf *b = buf_take(pool);
		u32 n = MIN((u32)(data[1] << 8 | data[2]) % BUF_MAX_PACKET, (u32)size - 3);

		b->csum_partial = data[0] & 1;
		b->len = (u16)n;
		memcpy(b->data, data + 3, n);
		buf_queue_add(&q, b);
		data += 3 + n;
		size -= 3 + n;
		count++;
	}
	MUST(join_all(&q) == count);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct buf_pool *pool;
	struct virtio_net_hdr vh;
	struct buf_queue q = { 0 };
	struct cut_shape guess;
	u32 lost;
	int n;

	if (!pool)
		pool = buf_pool_new(64);
	if (size <= sizeof(vh) || size > 65535)
		return 0;
	join_packets_of_a_peer(pool, data, size);
	memcpy(&vh, data, sizeof(vh));
	data += sizeof(vh);
	size -= sizeof(vh);
	check_flow(data, (u32)size);
	(void)cut_read_shape(&guess, &vh, data, (u32)size, (u32)size);
	n = cut_packet(&q, pool, &vh, data, (u32)size, 1, &lost);
	MUST(n < 0 ? q.count == 0 : q.count == (u32)n);
	for (struct buf *b = q.head; b; b = b->next)
		check_flow(b->data, b->len);
	MUST(join_all(&q) == (n < 0 ? 0u : (u32)n));
	MUST(buf_pool_left(pool) == 64);
	return 0;
}
