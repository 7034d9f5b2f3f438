// SPDX-License-Identifier: MIT
/* frame_fuzz.c - hostile Ethernet frames: what is taken apart lies inside the frame, and can be written again */
#include <stdlib.h>
#include <string.h>

#include "link/frame.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct frame_template t;
	struct frame_view v, again;
	u8 *frame;
	u32 segment, n;

	if (size > 2048 || !frame_parse(data, (u32)size, &v))
		return 0;
	check(v.payload >= data && v.len && v.payload + v.len <= data + size);
	segment = frame_segment_bytes(v.payload, v.len);
	check(segment && segment <= v.len);

	check(!frame_template_make(&t, &(struct frame_peer){ .remote = v.local, .local = v.remote }));
	frame = malloc(t.header_bytes + v.len);
	if (!frame)
		return 0;
	n = frame_write(&t, frame, v.payload, v.len);
	check(n == t.header_bytes + v.len && frame_parse(frame, n, &again));
	check(again.len == v.len && !memcmp(again.payload, v.payload, v.len));
	check(addr_equal(&again.remote, &v.remote) && addr_equal(&again.local, &v.local));
	free(frame);
	return 0;
}
