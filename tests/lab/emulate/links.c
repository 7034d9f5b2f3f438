// SPDX-License-Identifier: MIT
/* links.c - the links, and moving frames over them */
#include "emulate/links.h"
#include "emulate/command.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* A hand-over this much before its time is not worth a further wake-up: half of the pause between
 * two looks of a busy emulator (emulator.c). */
#define EARLY_NS 50000

struct link *links_find(struct links *l, const char *name)
{
	for (u32 i = 0; i < LINKS_MAX; i++)
		if (strcmp(l->link[i].name, name) == 0)
			return &l->link[i];
	return NULL;
}

static int open_end(struct links *l, struct wire *w, const char *interface)
{
	struct epoll_event watch = { .events = EPOLLIN };
	int err = wire_open(w, interface);

	if (!err && epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &watch) < 0)
		err = -errno;
	return err;
}

int links_add(struct links *l, const char *name, char *const interface[2], const struct shape *s)
{
	struct link *k = links_find(l, "");
	int err = 0;

	if (!k)
		return -ENOSPC;
	for (u32 i = 0; i < 2; i++) {
		direction_init(&k->direction[i], l->seed + 2 * (u64)(k - l->link) + i);
		k->direction[i].shape = *s;
		k->end[i] = (struct wire){ .fd = -1 };
	}
	for (u32 i = 0; i < 2 && !err; i++)
		err = open_end(l, &k->end[i], interface[i]);
	strncpy(k->name, name, sizeof(k->name) - 1);
	if (err)
		links_remove(k);
	return err;
}

void links_remove(struct link *k)
{
	struct shape down = { .down = true };

	for (u32 i = 0; i < 2; i++) {
		direction_reshape(&k->direction[i], &down, 0);	/* gives the frames back */
		wire_close(&k->end[i]);
	}
	memset(k->name, 0, sizeof(k->name));
}

static u32 move_link(struct link *k, u64 now, s64 wall_offset_ns, u64 *next)
{
	u32 busy = 0;

	for (u32 i = 0; i < 2; i++) {
		struct direction *d = &k->direction[i];
		u64 again;

		busy += wire_receive(&k->end[i], d, now, wall_offset_ns);
		busy += wire_send(&k->end[!i], d, now + EARLY_NS);
		again = direction_next(d);
		*next = MIN(*next, again);
	}
	return busy;
}

bool links_move(struct links *l, u64 now, s64 wall_offset_ns, u64 *next)
{
	u32 busy = 0;

	*next = l->plan ? l->plan->time_ns : TIME_NEVER;
	for (u32 i = 0; i < LINKS_MAX; i++)
		if (*l->link[i].name)
			busy += move_link(&l->link[i], now, wall_offset_ns, next);
	return busy > 0;
}

void links_close(struct links *l)
{
	for (u32 i = 0; i < LINKS_MAX; i++)
		if (*l->link[i].name)
			links_remove(&l->link[i]);
	plan_clear(l);
}
