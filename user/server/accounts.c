// SPDX-License-Identifier: MIT
/* accounts.c - the credentials a server hands out, and what it remembers about each
 *
 * The table in memory only grows: a revoked client stays in it and is marked. Its lock is held
 * for moments, never across a database call. Secrets lie apart, in one block that is locked into
 * memory and left out of core dumps.
 */
#include "server/accounts.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "server/accounts_parts.h"

/* The table in memory */

struct entry *accounts_entry(const struct accounts *a, const u8 id[8])
{
	return map_get(&a->by_id, get_be64(id));
}

static struct entry *entry_by_name(const struct accounts *a, const char *name)
{
	struct entry *revoked = NULL;

	for (u32 i = 0; i < a->count; i++) {
		struct entry *e = a->entries[i];

		if (strcmp(e->account.name, name))
			continue;
		if (!e->account.revoked)
			return e;
		revoked = e;
	}
	return revoked;
}

static void free_secrets(void *secrets, u32 count)
{
	if (secrets)
		sodium_munlock(secrets, (size_t)count * SECRET_BYTES);	/* wipes it, too */
	free(secrets);
}

static int grow(struct accounts *a)
{
	u32 size = a->size ? 2 * a->size : 64;
	struct entry **entries;
	u8 (*secrets)[SECRET_BYTES];

	entries = realloc(a->entries, size * sizeof(struct entry *));
	if (!entries)
		return -ENOMEM;
	a->entries = entries;
	secrets = calloc(size, SECRET_BYTES);
	if (!secrets)
		return -ENOMEM;
	/* May fail under a small RLIMIT_MEMLOCK: then the secrets can reach swap, nothing else
	 * is lost. */
	sodium_mlock(secrets, (size_t)size * SECRET_BYTES);
	if (a->count)
		memcpy(secrets, a->secrets, (size_t)a->count * SECRET_BYTES);
	free_secrets(a->secrets, a->size);
	a->secrets = secrets;
	a->size = size;
	return 0;
}

struct entry *accounts_new_entry(struct accounts *a, const u8 id[8])
{
	struct entry *e;

	if (a->count == a->size && grow(a))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	memcpy(e->account.id, id, sizeof(e->account.id));
	e->number = a->count;
	if (map_set(&a->by_id, get_be64(id), e)) {
		free(e);
		return NULL;
	}
	a->entries[a->count++] = e;
	return e;
}

static void mark_dirty(struct accounts *a, struct entry *e)
{
	e->dirty = true;
	a->any_dirty = true;
}

static void forget(struct accounts *a, struct entry *e)
{
	e->account.revoked = true;
	sodium_memzero(a->secrets[e->number], SECRET_BYTES);
}

/* Opening */

int accounts_open(struct accounts **out, const char *state_dir, char error[ACCOUNTS_ERROR_BYTES])
{
	struct accounts *a = calloc(1, sizeof(*a));
	int err;

	if (!a || sodium_init() < 0) {
		snprintf(error, ACCOUNTS_ERROR_BYTES, "no memory");
		free(a);
		return -ENOMEM;
	}
	pthread_mutex_init(&a->lock, NULL);
	err = accounts_file_open(a, state_dir, error);
	if (err) {
		accounts_close(a);
		return err;
	}
	*out = a;
	return 0;
}

void accounts_close(struct accounts *a)
{
	if (!a)
		return;
	if (a->db)
		accounts_flush(a);
	sqlite3_close(a->db);
	for (u32 i = 0; i < a->count; i++)
		free(a->entries[i]);
	free(a->entries);
	free_secrets(a->secrets, a->size);
	map_free(&a->by_id);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

const char *accounts_error(const struct accounts *a)
{
	return a->db ? sqlite3_errmsg(a->db) : "no memory";
}

/* Changing who is let in */

static bool name_is_good(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";
	size_t len = strlen(name);

	return len > 0 && len < ACCOUNTS_NAME_BYTES && strspn(name, letters) == len;
}

int accounts_add(struct accounts *a, const char *name, u8 id[8], u8 secret[SECRET_BYTES])
{
	u64 now_s = (u64)time(NULL);
	struct rand_source random;
	struct entry *e;
	int err;

	if (!name_is_good(name))
		return -EINVAL;
	rand_system(&random);
	do {
		rand_fill(&random, id, 8);
	} while (sodium_is_zero(id, 8));	/* zero means nobody on the wire */
	rand_fill(&random, secret, SECRET_BYTES);
	err = accounts_file_insert(a, name, id, secret, now_s);
	if (err)
		return err;

	pthread_mutex_lock(&a->lock);
	e = accounts_new_entry(a, id);
	if (e) {
		snprintf(e->account.name, sizeof(e->account.name), "%s", name);
		e->account.created_s = now_s;
		memcpy(a->secrets[e->number], secret, SECRET_BYTES);
	}
	pthread_mutex_unlock(&a->lock);
	return e ? 0 : -ENOMEM;
}

int accounts_revoke(struct accounts *a, const char *name, u8 id[8])
{
	int err = accounts_file_revoke(a, name, id);
	struct entry *e;

	if (err)
		return err;
	pthread_mutex_lock(&a->lock);
	e = accounts_entry(a, id);
	if (e)
		forget(a, e);
	pthread_mutex_unlock(&a->lock);
	return 0;
}

/* The next entry that turned invalid since accounts_reload() began; false: there is none. */
static bool next_invalid(struct accounts *a, const bool *was_valid, u32 count, u32 *i, u8 id[8])
{
	bool found = false;

	pthread_mutex_lock(&a->lock);
	for (; *i < count && !found; (*i)++) {
		struct entry *e = a->entries[*i];

		if (e->round != a->round || e->account.revoked)
			forget(a, e);
		found = was_valid[*i] && e->account.revoked;
		if (found)
			memcpy(id, e->account.id, 8);
	}
	pthread_mutex_unlock(&a->lock);
	return found;
}

int accounts_reload(struct accounts *a, void (*revoked)(void *ctx, const u8 id[8]), void *ctx)
{
	u32 count = a->count, i = 0;	/* only the database's thread adds entries */
	bool *was_valid = calloc(count + 1, sizeof(bool));
	u8 id[8];
	int err;

	if (!was_valid)
		return -ENOMEM;
	for (u32 n = 0; n < count; n++)
		was_valid[n] = !a->entries[n]->account.revoked;
	a->round++;
	err = accounts_file_read(a);
	while (!err && next_invalid(a, was_valid, count, &i, id))
		if (revoked)
			revoked(ctx, id);
	free(was_valid);
	return err;
}

/* Copies the entries that wait, under the lock; -ENOMEM leaves them waiting. */
static s64 take_dirty(struct accounts *a, struct entry **out)
{
	u32 n = 0;

	*out = NULL;
	pthread_mutex_lock(&a->lock);
	for (u32 i = 0; i < a->count && a->any_dirty; i++)
		n += a->entries[i]->dirty;
	if (n)
		*out = calloc(n, sizeof(struct entry));
	for (u32 i = 0, k = 0; *out && i < a->count; i++) {
		if (!a->entries[i]->dirty)
			continue;
		(*out)[k++] = *a->entries[i];
		a->entries[i]->dirty = false;
	}
	if (*out)
		a->any_dirty = false;
	pthread_mutex_unlock(&a->lock);
	return n && !*out ? -ENOMEM : (s64)n;
}

int accounts_flush(struct accounts *a)
{
	struct entry *list;
	s64 n = take_dirty(a, &list);
	int err;

	if (n <= 0)
		return (int)n;
	err = accounts_file_write(a, list, (u32)n);
	pthread_mutex_lock(&a->lock);
	for (s64 i = 0; i < n; i++) {
		struct entry *e = accounts_entry(a, list[i].account.id);

		if (err) {
			mark_dirty(a, e);
			continue;
		}
		e->sent_bytes -= list[i].sent_bytes;
		e->received_bytes -= list[i].received_bytes;
	}
	pthread_mutex_unlock(&a->lock);
	free(list);
	return err;
}

/* Asking */

static int by_name_then_age(const void *x, const void *y)
{
	const struct account *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	if (order)
		return order;
	return a->created_s < b->created_s ? -1 : a->created_s > b->created_s;
}

int accounts_list(struct accounts *a, struct account **out)
{
	u32 count;

	pthread_mutex_lock(&a->lock);
	count = a->count;
	*out = calloc(count + 1, sizeof(struct account));
	for (u32 i = 0; *out && i < count; i++)
		(*out)[i] = a->entries[i]->account;
	pthread_mutex_unlock(&a->lock);
	if (!*out)
		return -ENOMEM;
	qsort(*out, count, sizeof(struct account), by_name_then_age);
	return (int)count;
}

static int answer(struct accounts *a, const struct entry *e, struct account *account, u8 *secret)
{
	if (!e)
		return -ENOENT;
	if (account)
		*account = e->account;
	if (secret)
		memcpy(secret, a->secrets[e->number], SECRET_BYTES);
	return 0;
}

int accounts_find(struct accounts *a, const u8 id[8], struct account *account,
		  u8 secret[SECRET_BYTES])
{
	const struct entry *e;
	int err;

	pthread_mutex_lock(&a->lock);
	e = accounts_entry(a, id);
	err = e && e->account.revoked ? -EACCES : answer(a, e, account, secret);
	pthread_mutex_unlock(&a->lock);
	return err;
}

int accounts_find_name(struct accounts *a, const char *name, struct account *account,
		       u8 secret[SECRET_BYTES])
{
	int err;

	pthread_mutex_lock(&a->lock);
	err = answer(a, entry_by_name(a, name), account, secret);
	pthread_mutex_unlock(&a->lock);
	return err;
}

/* Remembering */

bool accounts_time_is_fresh(struct accounts *a, const u8 id[8], const u8 time[12])
{
	const struct entry *e;
	bool fresh;

	pthread_mutex_lock(&a->lock);
	e = accounts_entry(a, id);
	fresh = e && memcmp(time, e->account.last_time, 12) > 0;
	pthread_mutex_unlock(&a->lock);
	return fresh;
}

void accounts_accept_time(struct accounts *a, const u8 id[8], const u8 time[12], u64 now_s)
{
	struct entry *e;

	pthread_mutex_lock(&a->lock);
	e = accounts_entry(a, id);
	if (e) {
		if (memcmp(time, e->account.last_time, 12) > 0)
			memcpy(e->account.last_time, time, 12);
		e->account.seen_s = now_s;
		mark_dirty(a, e);
	}
	pthread_mutex_unlock(&a->lock);
}

void accounts_set_address(struct accounts *a, const u8 id[8], const u8 ip4[4], const u8 ip6[16])
{
	struct entry *e;

	pthread_mutex_lock(&a->lock);
	e = accounts_entry(a, id);
	if (e) {
		memcpy(e->account.ip4, ip4, 4);
		memcpy(e->account.ip6, ip6, 16);
		mark_dirty(a, e);
	}
	pthread_mutex_unlock(&a->lock);
}

void accounts_add_usage(struct accounts *a, const u8 id[8], u64 sent_bytes, u64 received_bytes,
			u64 now_s)
{
	struct entry *e;

	pthread_mutex_lock(&a->lock);
	e = accounts_entry(a, id);
	if (e) {
		e->account.sent_bytes += sent_bytes;
		e->account.received_bytes += received_bytes;
		e->sent_bytes += sent_bytes;
		e->received_bytes += received_bytes;
		e->account.seen_s = now_s;
		mark_dirty(a, e);
	}
	pthread_mutex_unlock(&a->lock);
}
