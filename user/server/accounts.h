// SPDX-License-Identifier: MIT
/* accounts.h - the credentials a server hands out, and what it remembers about each
 *
 * A SQLite file holds them; a table in memory answers the workers. Functions marked (memory)
 * touch only the table: any thread, never wait for the disk. All others use the database: one
 * thread at a time, they may wait for another process that writes (`triglav client add` beside a
 * running server). What the (memory) functions change reaches the disk with accounts_flush().
 */
#ifndef TG_SERVER_ACCOUNTS_H
#define TG_SERVER_ACCOUNTS_H

#include "base/types.h"

#define ACCOUNTS_NAME_BYTES 64		/* letters, digits, '.', '_', '-', '@' */
#define ACCOUNTS_FILE "clients.db"	/* in the state directory */
#define ACCOUNTS_ERROR_BYTES 256

struct accounts;

/* A client as people may see it: no secret. */
struct account {
	u8 id[8];
	char name[ACCOUNTS_NAME_BYTES];
	bool revoked;
	u64 created_s;			/* seconds since the epoch */
	u64 seen_s;			/* last session opened or closed; 0: never */
	u8 last_time[12];		/* TAI64N of the last accepted first message; zero: none */
	u64 sent_bytes, received_bytes;	/* inner, to and from the client, of sessions that ended */
	u8 ip4[4];			/* address it had last; zero: none */
	u8 ip6[16];
};

/* Opens STATE_DIR/clients.db and loads it; makes the directory (0700) and the file (0600) when
 * missing. 0 or negative errno, error says what and where. */
int accounts_open(struct accounts **out, const char *state_dir, char error[ACCOUNTS_ERROR_BYTES]);

/* Writes what is left to write, wipes the secrets. NULL is fine. */
void accounts_close(struct accounts *a);

/* What the database said about the last -EIO; belongs to the accounts. */
const char *accounts_error(const struct accounts *a);

/* A new client with a random id and secret. -EEXIST: a client of that name is there and not
 * revoked; -EINVAL: no good name; -EIO. */
int accounts_add(struct accounts *a, const char *name, u8 id[8], u8 secret[32]);

/* It is not let in any more and its secret is forgotten; *id tells whom. -ENOENT when no
 * unrevoked client has that name. */
int accounts_revoke(struct accounts *a, const char *name, u8 id[8]);

/* Reads the file again: clients that another process added or revoked. revoked() is called,
 * without locks, for each that was valid before and is not now; may be NULL. 0 or -EIO. */
int accounts_reload(struct accounts *a, void (*revoked)(void *ctx, const u8 id[8]), void *ctx);

/* Writes times, addresses and totals that changed. 0 or -EIO (they stay to be written then).
 * Cheap when nothing changed. */
int accounts_flush(struct accounts *a);

/* (memory) All of them, by name, revoked ones too: *out is malloc()ed, returns how many;
 * -ENOMEM. */
int accounts_list(struct accounts *a, struct account **out);

/* (memory) A client that may come in. -ENOENT unknown, -EACCES revoked. account or secret may be
 * NULL. */
int accounts_find(struct accounts *a, const u8 id[8], struct account *account, u8 secret[32]);

/* (memory) By name, unrevoked before revoked. -ENOENT. */
int accounts_find_name(struct accounts *a, const char *name, struct account *account, u8 secret[32]);

/* (memory) Replay rule: is this TAI64N later than the last accepted one? */
bool accounts_time_is_fresh(struct accounts *a, const u8 id[8], const u8 time[12]);

/* (memory) A session was confirmed: its time is the new floor (an older one changes nothing),
 * and the client was seen. */
void accounts_accept_time(struct accounts *a, const u8 id[8], const u8 time[12], u64 now_s);

/* (memory) The address to give it next time; zeroes: none. */
void accounts_set_address(struct accounts *a, const u8 id[8], const u8 ip4[4], const u8 ip6[16]);

/* (memory) A session ended: adds to the totals. */
void accounts_add_usage(struct accounts *a, const u8 id[8], u64 sent_bytes, u64 received_bytes, u64 now_s);

#endif
