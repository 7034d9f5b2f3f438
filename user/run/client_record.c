// SPDX-License-Identifier: MIT
/* client_record.c - a client's flight record, fetched from its worker */
#include "run/client_parts.h"

static void copy_record(struct worker *w, void *arg)
{
	struct recorder **out = arg;

	*out = tunnel_record(worker_tunnel(w));
}

struct recorder *client_record(struct client *c)
{
	struct recorder *out = NULL;

	worker_call(c->worker, copy_record, &out);
	return out;
}
