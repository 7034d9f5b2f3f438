// SPDX-License-Identifier: MIT
/* admission.h - who gets a session, and with which inner addresses
 *
 * Joins accounts and address pools into the questions that struct tunnel_events asks. All
 * functions may be called from any worker; they never wait for the disk.
 */
#ifndef TG_SERVER_ADMISSION_H
#define TG_SERVER_ADMISSION_H

#include "server/accounts.h"
#include "tunnel/tunnel.h"

struct admission;

struct admission_settings {
	struct accounts *accounts;	/* outlives the admission; NULL: nobody has a credential */
	struct prefix pool4, pool6;	/* family 0: none; one is required */
	bool open;			/* anonymous clients too */
	u32 max_sessions;		/* 0: 10000 */
};

/* -EINVAL: a pool without room for a client, or none at all. -ENOMEM. */
int admission_new(struct admission **out, const struct admission_settings *set);
void admission_free(struct admission *a);	/* NULL is fine */

/* From now on: who is asked for does not change for those who are in. Takes open and max_sessions; the rest of set does not count. */
void admission_change(struct admission *a, const struct admission_settings *set);

/* The server's own inner addresses with the pool's length; family 0: none. Either may be NULL. */
void admission_server_address(const struct admission *a, struct prefix *ip4, struct prefix *ip6);

/* Who has been refused since the start, by reason. */
struct admission_counters {
	u64 anonymous, unknown, revoked, replayed, full, no_address;
};
void admission_counters(struct admission *a, struct admission_counters *out);

/* The callbacks of struct tunnel_events, ctx being the admission. Every grant is given back
 * once: by grant_unused() or session_closed(). admit: -EACCES (anonymous on a closed server,
 * revoked), -ENOENT (unknown id), -EALREADY (time not later than the last accepted one), -EUSERS
 * (max_sessions), -ENOSPC (no address). session_opened stores the time; opened and closed only
 * touch memory, see accounts_flush(). `last` may be NULL. */
int admission_admit(void *ctx, const struct tunnel_request *request, struct tunnel_grant *grant);
void admission_grant_unused(void *ctx, const struct tunnel_grant *grant);
void admission_session_opened(void *ctx, const struct tunnel_grant *grant, u64 handle);
void admission_session_closed(void *ctx, const struct tunnel_grant *grant, u64 handle, enum tg_close_code code,
			      const struct tunnel_session_info *last);

#endif
