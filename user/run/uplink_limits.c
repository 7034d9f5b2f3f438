// SPDX-License-Identifier: MIT
/* uplink_limits.c - rates and quotas of a client's uplinks: told to the engine, counted, remembered
 *
 * The engine counts a path down to its quota by itself, packet by packet. What is done here, a few times a second, is keeping
 * the books of the month: an uplink may have two paths (UDP, TCP), lose them and get others.
 */
#define LOG_AREA LOG_AREA_UPLINKS

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/client_parts.h"

#define WRITE_US (10 * SEC)

static u64 left_of(const struct client *c, const struct uplink *u)
{
	u64 used = usage_of(&c->usage, u->name);

	if (!u->quota)
		return TG_QUOTA_NONE;
	return u->quota > used ? u->quota - used : 0;
}

void uplink_limit(struct worker *w, const struct client *c, const struct uplink *u)
{
	struct tunnel *t = worker_tunnel(w);

	if (u->has_path)
		tunnel_path_limit(t, u->link, u->rate, left_of(c, u), worker_now(w));
	if (u->tcp.connected)
		tunnel_path_limit(t, u->tcp.link, u->rate, left_of(c, u), worker_now(w));
}

/* ---- counting; on the worker's thread ---- */

/* What a path carried since the last look. */
static u64 news_of(const struct tunnel *t, u32 link, u64 *counted)
{
	u64 now = link ? tunnel_path_used(t, link) : 0, news = now > *counted ? now - *counted : 0;

	*counted = now;
	return news;
}

static void count_job(struct worker *w, void *arg)
{
	struct client *c = arg;
	const struct tunnel *t = worker_tunnel(w);

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];
		u64 news;

		if (!u->used || !u->quota)
			continue;
		news = news_of(t, u->has_path ? u->link : 0, &u->counted);
		news += news_of(t, u->tcp.connected ? u->tcp.link : 0, &u->tcp.counted);
		usage_add(&c->usage, u->name, news);
		if (u->has_path && u->tcp.connected)	/* neither knows what the other carried */
			uplink_limit(w, c, u);
	}
}

static void limit_all_job(struct worker *w, void *arg)
{
	struct client *c = arg;

	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (c->uplinks[i].used && c->uplinks[i].quota)
			uplink_limit(w, c, &c->uplinks[i]);
}

static bool any_quota(const struct client *c)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (c->uplinks[i].used && c->uplinks[i].quota)
			return true;
	return false;
}

void uplinks_count(struct client *c)
{
	if (c->worker && any_quota(c))
		worker_call(c->worker, count_job, c);
}

/* ---- the month's books ---- */

static const char *file_of(const struct client *c, char *out, size_t size)
{
	snprintf(out, size, "%.400s/%s.usage", c->state_dir, c->name);
	return out;
}

void uplinks_usage_open(struct client *c)
{
	char path[512];
	int err = usage_read(&c->usage, file_of(c, path, sizeof(path)));

	if (err)
		log_warn("%s: %s; quotas count from zero", path, err == -EBADMSG ? "is damaged" : strerror(-err));
	usage_turn(&c->usage, clock_wall_ns() / 1000000000u);
}

static void write_down(struct client *c, u64 now)
{
	char path[512];
	int err = usage_write(&c->usage, file_of(c, path, sizeof(path)));

	c->usage_write_us = now + WRITE_US;
	if (err)
		log_warn("%s: %s; a restart will forget what quotas counted", path, strerror(-err));
}

void uplinks_usage_tick(struct client *c, u64 now)
{
	if (!any_quota(c))
		return;
	uplinks_count(c);
	if (usage_turn(&c->usage, clock_wall_ns() / 1000000000u)) {
		log_info("a new month: quotas count from zero");
		worker_call(c->worker, limit_all_job, c);
	}
	if (now >= c->usage_write_us)
		write_down(c, now);
}

void uplinks_usage_close(struct client *c)
{
	uplinks_count(c);
	if (c->usage.changed)
		write_down(c, 0);
}

/* ---- by command ---- */

struct limit_order {
	struct client *c;
	struct uplink *u;
};

static void limit_job(struct worker *w, void *arg)
{
	const struct limit_order *order = arg;
	struct uplink *u = order->u;

	count_job(w, order->c);		/* by the old quota; counting begins with the first */
	if (!u->quota) {
		u->counted = u->has_path ? tunnel_path_used(worker_tunnel(w), u->link) : 0;
		u->tcp.counted = u->tcp.connected ? tunnel_path_used(worker_tunnel(w), u->tcp.link) : 0;
	}
}

static void obey_job(struct worker *w, void *arg)
{
	const struct limit_order *order = arg;

	uplink_limit(w, order->c, order->u);
}

int client_uplink_limit(struct client *c, const char *name, const u64 *rate, const u64 *quota, char error[RUN_ERROR_BYTES])
{
	struct limit_order order = { .c = c, .u = uplink_by_name(c, name) };

	if (!order.u) {
		snprintf(error, RUN_ERROR_BYTES, "%.32s is no uplink here (see: triglav uplink list)", name);
		return -ENOENT;
	}
	worker_call(c->worker, limit_job, &order);
	if (rate)
		order.u->rate = *rate;
	if (quota)
		order.u->quota = *quota;
	worker_call(c->worker, obey_job, &order);
	return 0;
}
