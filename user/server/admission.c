// SPDX-License-Identifier: MIT
/* admission.c - who gets a session, and with which inner addresses
 *
 * A grant takes its addresses at once and gives them back exactly once. The same client may hold
 * several grants for a moment (a repeated first message, a session that replaces another): they
 * share the client's addresses, which the pool counts.
 */
#include "server/admission.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sodium.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "server/pool.h"

#define DEFAULT_MAX_SESSIONS 10000u
#define NSEC_PER_SEC 1000000000ULL

struct admission {
	pthread_mutex_t lock;	/* pools, sessions, refused */
	struct accounts *accounts;
	struct pool *pool4, *pool6;
	bool open;
	u32 max_sessions, sessions;
	struct admission_counters refused;
};

static u64 owner_of(const struct tunnel_grant *grant)
{
	return grant->anonymous ? 0 : get_be64(grant->client_id);
}

/* Everybody who was here before finds the same address again. */
static int reserve_known(struct admission *a)
{
	struct account *list;
	int n;

	if (!a->accounts)
		return 0;
	n = accounts_list(a->accounts, &list);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		u64 owner = get_be64(list[i].id);

		if (list[i].revoked)
			continue;
		if (a->pool4)
			pool_reserve(a->pool4, owner, list[i].ip4);
		if (a->pool6)
			pool_reserve(a->pool6, owner, list[i].ip6);
	}
	free(list);
	return 0;
}

int admission_new(struct admission **out, const struct admission_settings *set)
{
	struct admission *a = calloc(1, sizeof(*a));
	int err = -EINVAL;

	if (!a)
		return -ENOMEM;
	pthread_mutex_init(&a->lock, NULL);
	a->accounts = set->accounts;
	a->open = set->open;
	a->max_sessions = set->max_sessions ? set->max_sessions : DEFAULT_MAX_SESSIONS;
	if (!set->pool4.family && !set->pool6.family)
		goto fail;
	if (set->pool4.family && (err = pool_new(&a->pool4, &set->pool4)))
		goto fail;
	if (set->pool6.family && (err = pool_new(&a->pool6, &set->pool6)))
		goto fail;
	err = reserve_known(a);
	if (err)
		goto fail;
	*out = a;
	return 0;
fail:
	admission_free(a);
	return err;
}

void admission_free(struct admission *a)
{
	if (!a)
		return;
	pool_free(a->pool4);
	pool_free(a->pool6);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void admission_change(struct admission *a, const struct admission_settings *set)
{
	pthread_mutex_lock(&a->lock);
	a->open = set->open;
	a->max_sessions = set->max_sessions ? set->max_sessions : DEFAULT_MAX_SESSIONS;
	pthread_mutex_unlock(&a->lock);
}

void admission_server_address(const struct admission *a, struct prefix *ip4, struct prefix *ip6)
{
	if (ip4)
		*ip4 = (struct prefix){ 0 };
	if (ip6)
		*ip6 = (struct prefix){ 0 };
	if (ip4 && a->pool4)
		pool_server(a->pool4, ip4);
	if (ip6 && a->pool6)
		pool_server(a->pool6, ip6);
}

void admission_counters(struct admission *a, struct admission_counters *out)
{
	pthread_mutex_lock(&a->lock);
	*out = a->refused;
	pthread_mutex_unlock(&a->lock);
}

static int refuse(u64 *counter, int err)
{
	(*counter)++;
	return err;
}

static int check_credential(struct admission *a, const struct tunnel_request *request,
			    struct tunnel_grant *grant)
{
	int err = a->accounts ? accounts_find(a->accounts, request->client_id, NULL, grant->psk)
			      : -ENOENT;

	if (err == -EACCES)
		return refuse(&a->refused.revoked, err);
	if (err)
		return refuse(&a->refused.unknown, err);
	if (!accounts_time_is_fresh(a->accounts, request->client_id, request->time))
		return refuse(&a->refused.replayed, -EALREADY);
	return 0;
}

/* Replacing one's own session needs no room for another. */
static bool has_room(const struct admission *a, u64 owner)
{
	const struct pool *p = a->pool4 ? a->pool4 : a->pool6;

	return a->sessions < a->max_sessions || (owner && pool_holds(p, owner));
}

static void give_back(struct admission *a, const struct tunnel_grant *grant)
{
	if (a->pool4 && has_bytes(grant->ip4, sizeof(grant->ip4)))
		pool_release(a->pool4, grant->ip4);
	if (a->pool6 && has_bytes(grant->ip6, sizeof(grant->ip6)))
		pool_release(a->pool6, grant->ip6);
}

/* One family may run out: the other will do. */
static int take_addresses(struct admission *a, struct tunnel_grant *grant)
{
	u64 owner = owner_of(grant);
	struct prefix server;
	int err4 = -ENOSPC, err6 = -ENOSPC;

	if (a->pool4 && !(err4 = pool_take(a->pool4, owner, grant->ip4))) {
		pool_server(a->pool4, &server);
		memcpy(grant->server_ip4, server.ip, 4);
		grant->ip4_len = server.len;
	}
	if (a->pool6 && !(err6 = pool_take(a->pool6, owner, grant->ip6))) {
		pool_server(a->pool6, &server);
		memcpy(grant->server_ip6, server.ip, 16);
		grant->ip6_len = server.len;
	}
	if (err4 && err6)
		return refuse(&a->refused.no_address, a->pool4 ? err4 : err6);
	return 0;
}

static int admit_locked(struct admission *a, const struct tunnel_request *request,
			struct tunnel_grant *grant)
{
	int err;

	if (request->anonymous && !a->open)
		return refuse(&a->refused.anonymous, -EACCES);
	if (!request->anonymous && (err = check_credential(a, request, grant)))
		return err;
	if (!has_room(a, owner_of(grant)))
		return refuse(&a->refused.full, -EUSERS);
	return take_addresses(a, grant);
}

int admission_admit(void *ctx, const struct tunnel_request *request, struct tunnel_grant *grant)
{
	struct admission *a = ctx;
	int err;

	memset(grant, 0, sizeof(*grant));
	grant->anonymous = request->anonymous;
	if (!request->anonymous)
		memcpy(grant->client_id, request->client_id, sizeof(grant->client_id));
	memcpy(grant->time, request->time, sizeof(grant->time));

	pthread_mutex_lock(&a->lock);
	err = admit_locked(a, request, grant);
	pthread_mutex_unlock(&a->lock);
	if (err)
		sodium_memzero(grant, sizeof(*grant));
	return err;
}

void admission_grant_unused(void *ctx, const struct tunnel_grant *grant)
{
	struct admission *a = ctx;

	pthread_mutex_lock(&a->lock);
	give_back(a, grant);
	pthread_mutex_unlock(&a->lock);
}

void admission_session_opened(void *ctx, const struct tunnel_grant *grant, u64 handle)
{
	struct admission *a = ctx;

	(void)handle;
	pthread_mutex_lock(&a->lock);
	a->sessions++;
	pthread_mutex_unlock(&a->lock);
	if (grant->anonymous || !a->accounts)
		return;
	accounts_accept_time(a->accounts, grant->client_id, grant->time,
			     clock_wall_ns() / NSEC_PER_SEC);
	accounts_set_address(a->accounts, grant->client_id, grant->ip4, grant->ip6);
}

void admission_session_closed(void *ctx, const struct tunnel_grant *grant, u64 handle,
			      enum tg_close_code code, const struct tunnel_session_info *last)
{
	struct admission *a = ctx;

	(void)handle;
	(void)code;
	pthread_mutex_lock(&a->lock);
	if (a->sessions)
		a->sessions--;
	give_back(a, grant);
	pthread_mutex_unlock(&a->lock);
	if (last && !grant->anonymous && a->accounts)
		accounts_add_usage(a->accounts, grant->client_id, last->carried_bytes,
				   last->delivered_bytes, clock_wall_ns() / NSEC_PER_SEC);
}
