// SPDX-License-Identifier: MIT
/* accounts_parts.h - what the table in memory (accounts.c) and its file (accounts_file.c) share */
#ifndef TG_SERVER_ACCOUNTS_PARTS_H
#define TG_SERVER_ACCOUNTS_PARTS_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/map.h"
#include "server/accounts.h"

#define SECRET_BYTES 32

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
/* accounts.c, with the lock held */
struct entry *accounts_entry(const struct accounts *a, const u8 id[8]);	/* NULL: none */
struct entry *accounts_new_entry(struct accounts *a, const u8 id[8]);	/* NULL: no memory */

/* accounts_file.c, without the lock; 0 or negative errno. Opening makes directory and file, and
 * reads all. */
int accounts_file_open(struct accounts *a, const char *state_dir, char *error);
int accounts_file_read(struct accounts *a);
int accounts_file_insert(struct accounts *a, const char *name, const u8 id[8], const u8 secret[SECRET_BYTES], u64 now_s);
int accounts_file_revoke(struct accounts *a, const char *name, u8 id[8]);
int accounts_file_write(struct accounts *a, const struct entry *list, u32 n);	/* all or nothing */

#endif
