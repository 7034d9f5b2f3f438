// SPDX-License-Identifier: MIT
/* accounts_file.c - the SQLite file behind the accounts
 *
 * Another process may write it at the same time, so this one writes only what it alone knows
 * (times, addresses, totals as increments) and reads the rest again when told to.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/accounts_parts.h"

#define SCHEMA_VERSION 1
#define BUSY_MS 5000

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
	e = accounts_entry(a, id);
	if (!e) {
		e = accounts_new_entry(a, id);
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

int accounts_file_read(struct accounts *a)
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

int accounts_file_insert(struct accounts *a, const char *name, const u8 id[8], const u8 secret[SECRET_BYTES], u64 now_s)
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

/* One transaction: thousands of clients may have come back at once. */
int accounts_file_write(struct accounts *a, const struct entry *list, u32 n)
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

int accounts_file_revoke(struct accounts *a, const char *name, u8 id[8])
{
	static const char update[] = "UPDATE clients SET revoked = 1, secret = zeroblob(32)"
				     " WHERE name = ? AND revoked = 0 RETURNING id";
	sqlite3_stmt *s = NULL;
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
	return err;
}

/* Opening */

static int make_dir(const char *path, char *error)
{
	int err = mkdir(path, 0700) && errno != EEXIST ? -errno : 0;

	if (err)
		snprintf(error, ACCOUNTS_ERROR_BYTES, "cannot make directory %.150s: %s", path, strerror(-err));
	return err;
}

/* SQLite would create it with the umask's mode; its -wal and -shm files take the mode of this
 * one. */
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
	if (accounts_file_read(a))
		goto fail;
	return 0;
fail:
	snprintf(error, ACCOUNTS_ERROR_BYTES, "cannot read %.150s: %.90s", path, accounts_error(a));
	return -EIO;
}

int accounts_file_open(struct accounts *a, const char *state_dir, char *error)
{
	char path[512];
	int err = make_dir(state_dir, error);

	if (err)
		return err;
	if (snprintf(path, sizeof(path), "%s/%s", state_dir, ACCOUNTS_FILE) >= (int)sizeof(path)) {
		snprintf(error, ACCOUNTS_ERROR_BYTES, "the path of the state directory is too long");
		return -ENAMETOOLONG;
	}
	err = make_private_file(path, error);
	return err ? err : prepare_db(a, path, error);
}
