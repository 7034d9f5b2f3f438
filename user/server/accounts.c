// SPDX-License-Identifier: MIT
/* accounts.c - the credentials a server hands out, and what it remembers about each
 *
 * The table in memory only grows: a revoked client stays in it and is marked. Its lock is held for moments, never
 * across a database call. Secrets lie apart, in one block that is locked into memory and left out of core dumps.
 *
 * Another process may write the file at the same time, so this one writes only what it alone knows (times,
 * addresses, totals as increments) and reads the rest again when told to.
 */
#include "server/accounts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/map.h"
#include "base/rand.h"

#define SCHEMA_VERSION 1
#define SECRET_BYTES 32
#define BUSY_MS 5000

struct entry {
	struct account account;
	u32 number;		/* of its secret */
	u32 round;		/* accounts_reload() that saw it last */
	bool dirty;		/* times, address or totals wait for accounts_flush() */
	u64 sent_bytes, received_bytes;		/* not yet in the file */
};

struct accounts {
	pthread_mutex_t lock;	/* everything below but db and round */
	struct map by_id;
	struct entry **entries;
	u32 count, size;
	u8 (*secrets)[SECRET_BYTES];
	bool any_dirty;
	sqlite3 *db;
	u32 round;
};

static const char schema[] =
	"PRAGMA journal_mode=WAL;"
	"PRAGMA synchronous=NORMAL;"
	"PRAGMA secure_delete=ON;"
	"CREATE TABLE IF NOT EXISTS clients ("
	" id BLOB PRIMARY KEY, name TEXT NOT NULL, secret BLOB NOT NULL,"
	" created INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0,"
	" seen INTEGER NOT NULL DEFAULT 0, last_time BLOB,"
	" sent INTEGER NOT NULL DEFAULT 0, received INTEGER NOT NULL DEFAULT 0,"
	" ip4 BLOB, ip6 BLOB);"
	"CREATE UNIQUE INDEX IF NOT EXISTS clients_name ON clients(name) WHERE revoked = 0;";

/* The table in memory */

static struct entry *entry_by_id(const struct accounts *a, const u8 id[8])
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
	/* May fail under a small RLIMIT_MEMLOCK: then the secrets can reach swap, nothing else is lost. */
	sodium_mlock(secrets, (size_t)size * SECRET_BYTES);
	if (a->count)
		memcpy(secrets, a->secrets, (size_t)a->count * SECRET_BYTES);
	free_secrets(a->secrets, a->size);
	a->secrets = secrets;
	a->size = size;
	return 0;
}

static struct entry *new_entry(struct accounts *a, const u8 id[8])
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

/* The file */

static bool copy_blob(sqlite3_stmt *row, int column, u8 *out, int bytes)
{
	const void *blob = sqlite3_column_blob(row, column);

	if (!blob || sqlite3_column_bytes(row, column) != bytes)
		return false;
	memcpy(out, blob, (size_t)bytes);
	return true;
}

/* What only this process writes is taken from the file once, when the entry is new. */
static void first_read(struct entry *e, sqlite3_stmt *row)
{
	struct account *c = &e->account;

	c->created_s = (u64)sqlite3_column_int64(row, 3);
	c->seen_s = (u64)sqlite3_column_int64(row, 5);
	copy_blob(row, 6, c->last_time, sizeof(c->last_time));
	c->sent_bytes = (u64)sqlite3_column_int64(row, 7);
	c->received_bytes = (u64)sqlite3_column_int64(row, 8);
	copy_blob(row, 9, c->ip4, sizeof(c->ip4));
	copy_blob(row, 10, c->ip6, sizeof(c->ip6));
}

static int take_row(struct accounts *a, sqlite3_stmt *row)
{
	const char *name = (const char *)sqlite3_column_text(row, 1);
	u8 id[8], secret[SECRET_BYTES];
	struct entry *e;

	if (!name || !copy_blob(row, 0, id, sizeof(id)) || !copy_blob(row, 2, secret, sizeof(secret)))
		return 0;	/* not a row of ours */
	e = entry_by_id(a, id);
	if (!e) {
		e = new_entry(a, id);
		if (!e)
			return -ENOMEM;
		first_read(e, row);
	}
	snprintf(e->account.name, sizeof(e->account.name), "%s", name);
	memcpy(a->secrets[e->number], secret, sizeof(secret));
	sodium_memzero(secret, sizeof(secret));
	e->round = a->round;
	if (sqlite3_column_int(row, 4))
		e->account.revoked = true;	/* there is no way back from it */
	return 0;
}

static int read_all(struct accounts *a)
{
	static const char query[] = "SELECT id, name, secret, created, revoked, seen, last_time,"
				    " sent, received, ip4, ip6 FROM clients";
	sqlite3_stmt *row = NULL;
	int step, err = 0;

	if (sqlite3_prepare_v2(a->db, query, -1, &row, NULL) != SQLITE_OK)
		return -EIO;
	while (!err && (step = sqlite3_step(row)) != SQLITE_DONE) {
		if (step != SQLITE_ROW) {
			err = -EIO;
			break;
		}
		pthread_mutex_lock(&a->lock);
		err = take_row(a, row);
		pthread_mutex_unlock(&a->lock);
	}
	sqlite3_finalize(row);
	return err;
}

/* Runs a bound statement that changes one row. */
static int finish(struct accounts *a, sqlite3_stmt *s)
{
	int step = sqlite3_step(s);

	sqlite3_finalize(s);
	if (step == SQLITE_DONE)
		return sqlite3_changes(a->db) ? 0 : -ENOENT;
	return step == SQLITE_CONSTRAINT ? -EEXIST : -EIO;
}

static int insert(struct accounts *a, const char *name, const u8 id[8], const u8 *secret, u64 now_s)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(a->db, "INSERT INTO clients (id, name, secret, created) VALUES (?,?,?,?)",
			       -1, &s, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_bind_blob(s, 1, id, 8, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
	sqlite3_bind_blob(s, 3, secret, SECRET_BYTES, SQLITE_STATIC);
	sqlite3_bind_int64(s, 4, (s64)now_s);
	return finish(a, s);
}

static int write_entry(struct accounts *a, const struct entry *e)
{
	static const char update[] = "UPDATE clients SET seen = ?, last_time = ?, sent = sent + ?,"
				     " received = received + ?, ip4 = ?, ip6 = ? WHERE id = ?";
	const struct account *c = &e->account;
	sqlite3_stmt *s = NULL;
	int err;

	if (sqlite3_prepare_v2(a->db, update, -1, &s, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_bind_int64(s, 1, (s64)c->seen_s);
	sqlite3_bind_blob(s, 2, c->last_time, sizeof(c->last_time), SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, (s64)e->sent_bytes);
	sqlite3_bind_int64(s, 4, (s64)e->received_bytes);
	sqlite3_bind_blob(s, 5, c->ip4, sizeof(c->ip4), SQLITE_STATIC);
	sqlite3_bind_blob(s, 6, c->ip6, sizeof(c->ip6), SQLITE_STATIC);
	sqlite3_bind_blob(s, 7, c->id, sizeof(c->id), SQLITE_STATIC);
	err = finish(a, s);
	return err == -ENOENT ? 0 : err;	/* the row was deleted: nothing to remember */
}

/* Opening */

static int make_dir(const char *path, char *error)
{
	int err = mkdir(path, 0700) && errno != EEXIST ? -errno : 0;

	if (err)
		snprintf(error, ACCOUNTS_ERROR_BYTES, "cannot make directory %.150s: %s", path, strerror(-err));
	return err;
}

/* SQLite would create it with the umask's mode; its -wal and -shm files take the mode of this one. */
static int make_private_file(const char *path, char *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = 0;

	if (fd < 0 || fchmod(fd, 0600)) {
		err = -errno;
		snprintf(error, ACCOUNTS_ERROR_BYTES, "cannot open %.150s: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return err;
}

static int user_version(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	int version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return version;
}

static int prepare_db(struct accounts *a, const char *path, char *error)
{
	int version;

	if (sqlite3_open_v2(path, &a->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		goto fail;
	sqlite3_busy_timeout(a->db, BUSY_MS);
	version = user_version(a->db);
	if (version > SCHEMA_VERSION) {
		snprintf(error, ACCOUNTS_ERROR_BYTES,
			 "%.150s was written by a newer triglav (format %d, this one reads %d)",
			 path, version, SCHEMA_VERSION);
		return -EPROTO;
	}
	if (version < 0 || sqlite3_exec(a->db, schema, NULL, NULL, NULL) != SQLITE_OK)
		goto fail;
	if (version < SCHEMA_VERSION &&
	    sqlite3_exec(a->db, "PRAGMA user_version = 1", NULL, NULL, NULL) != SQLITE_OK)
		goto fail;
	if (read_all(a))
		goto fail;
	return 0;
fail:
	snprintf(error, ACCOUNTS_ERROR_BYTES, "cannot read %.150s: %.90s", path, accounts_error(a));
	return -EIO;
}

int accounts_open(struct accounts **out, const char *state_dir, char error[ACCOUNTS_ERROR_BYTES])
{
	struct accounts *a = calloc(1, sizeof(*a));
	char path[512];
	int err;

	if (!a || sodium_init() < 0) {
		snprintf(error, ACCOUNTS_ERROR_BYTES, "no memory");
		free(a);
		return -ENOMEM;
	}
	pthread_mutex_init(&a->lock, NULL);
	err = make_dir(state_dir, error);
	if (err)
		goto fail;
	if (snprintf(path, sizeof(path), "%s/%s", state_dir, ACCOUNTS_FILE) >= (int)sizeof(path)) {
		snprintf(error, ACCOUNTS_ERROR_BYTES, "the path of the state directory is too long");
		err = -ENAMETOOLONG;
		goto fail;
	}
	err = make_private_file(path, error);
	if (err)
		goto fail;
	err = prepare_db(a, path, error);
	if (err)
		goto fail;
	*out = a;
	return 0;
fail:
	accounts_close(a);
	return err;
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
	err = insert(a, name, id, secret, now_s);
	if (err)
		return err;

	pthread_mutex_lock(&a->lock);
	e = new_entry(a, id);
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
	static const char update[] = "UPDATE clients SET revoked = 1, secret = zeroblob(32)"
				     " WHERE name = ? AND revoked = 0 RETURNING id";
	sqlite3_stmt *s = NULL;
	struct entry *e;
	int err = -EIO, step;

	if (sqlite3_prepare_v2(a->db, update, -1, &s, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	step = sqlite3_step(s);
	if (step == SQLITE_DONE)
		err = -ENOENT;
	else if (step == SQLITE_ROW && copy_blob(s, 0, id, 8))
		err = sqlite3_step(s) == SQLITE_DONE ? 0 : -EIO;
	sqlite3_finalize(s);
	if (err)
		return err;

	pthread_mutex_lock(&a->lock);
	e = entry_by_id(a, id);
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
	err = read_all(a);
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

/* One transaction: thousands of clients may have come back at once. */
static int write_all(struct accounts *a, const struct entry *list, u32 n)
{
	int err = 0;

	if (sqlite3_exec(a->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return -EIO;
	for (u32 i = 0; i < n && !err; i++)
		err = write_entry(a, &list[i]);
	if (!err && sqlite3_exec(a->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	sqlite3_exec(a->db, "ROLLBACK", NULL, NULL, NULL);
	return -EIO;
}

int accounts_flush(struct accounts *a)
{
	struct entry *list;
	s64 n = take_dirty(a, &list);
	int err;

	if (n <= 0)
		return (int)n;
	err = write_all(a, list, (u32)n);
	pthread_mutex_lock(&a->lock);
	for (s64 i = 0; i < n; i++) {
		struct entry *e = entry_by_id(a, list[i].account.id);

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
	e = entry_by_id(a, id);
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
	e = entry_by_id(a, id);
	fresh = e && memcmp(time, e->account.last_time, 12) > 0;
	pthread_mutex_unlock(&a->lock);
	return fresh;
}

void accounts_accept_time(struct accounts *a, const u8 id[8], const u8 time[12], u64 now_s)
{
	struct entry *e;

	pthread_mutex_lock(&a->lock);
	e = entry_by_id(a, id);
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
	e = entry_by_id(a, id);
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
	e = entry_by_id(a, id);
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
