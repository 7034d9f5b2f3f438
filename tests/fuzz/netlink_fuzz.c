// SPDX-License-Identifier: MIT
/* netlink_fuzz.c - what claims to be netlink messages, to the readers of links, addresses and routes */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/inside.h"

static void on_event(void *ctx, const struct host_event *e)
{
	u64 *sum = ctx;

	*sum += strlen(e->name) + e->ifindex;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host_monitor *monitor;
	static u64 sum, runs;
	void *copy;

	if (runs++ % 4096 == 0) {		/* it remembers every interface it hears of */
		host_monitor_free(monitor);
		monitor = NULL;
	}
	if (!monitor && host_monitor_new(&monitor, on_event, &sum))
		return 0;
	copy = malloc(size ? size : 1);		/* aligned, and with red zones right behind it */
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	links_read(copy, size);
	host_monitor_feed(monitor, copy, size);
	free(copy);
	return 0;
}
