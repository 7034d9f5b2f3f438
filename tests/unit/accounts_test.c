// SPDX-License-Identifier: MIT
/* accounts_test.c - credentials in a file, two processes at it, and who is let in */
#include "unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/types.h"
#include "server/accounts.h"
#include "server/admission.h"

static char dir[64], error[ACCOUNTS_ERROR_BYTES];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/triglav-accounts-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	strcat(dir, "/state");
	return 0;
}

static int remove_dir(void **state)
{
	static const char *const files[] = { "/clients.db", "/clients.db-wal", "/clients.db-shm", "" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, files[i]);
		remove(path);
	}
	*strrchr(dir, '/') = '\0';
	return rmdir(dir);
}

static struct accounts *open_accounts(void)
{
	struct accounts *a = NULL;

	if (accounts_open(&a, dir, error))
		fail_msg("%s", error);
	return a;
}

static void file_and_directory_are_private(void **state)
{
	struct accounts *a = open_accounts();
	char path[128];
	struct stat st;

	(void)state;
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/clients.db", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	accounts_close(a);
}

static void what_was_added_is_found_after_a_restart(void **state)
{
	u8 id[8], secret[32], found[32], time[12] = { 1, 2, 3 }, ip4[4] = { 10, 0, 85, 9 }, ip6[16] = { 0xfd, 1 };
	struct accounts *a = open_accounts();
	struct account account;

	(void)state;
	assert_int_equal(accounts_add(a, "laptop", id, secret), 0);
	accounts_accept_time(a, id, time, 1234);
	accounts_set_address(a, id, ip4, ip6);
	accounts_add_usage(a, id, 100, 7, 1235);
	accounts_add_usage(a, id, 10, 1, 1236);
	accounts_close(a);

	a = open_accounts();
	assert_int_equal(accounts_find(a, id, &account, found), 0);
	assert_memory_equal(found, secret, 32);
	assert_string_equal(account.name, "laptop");
	assert_memory_equal(account.last_time, time, 12);
	assert_memory_equal(account.ip4, ip4, 4);
	assert_memory_equal(account.ip6, ip6, 16);
	assert_int_equal(account.sent_bytes, 110);
	assert_int_equal(account.received_bytes, 8);
	assert_int_equal(account.seen_s, 1236);
	accounts_close(a);
}

static void names_are_checked(void **state)
{
	static const char *const bad[] = { "", "a b", "a/b", "a'; DROP TABLE clients; --", "\xc3\xa9",
		"0123456789012345678901234567890123456789012345678901234567890123" };
	struct accounts *a = open_accounts();
	u8 id[8], secret[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(accounts_add(a, bad[i], id, secret), -EINVAL);
	assert_int_equal(accounts_add(a, "bob@home_1.x-y", id, secret), 0);
	assert_int_equal(accounts_add(a, "bob@home_1.x-y", id, secret), -EEXIST);
	accounts_close(a);
}

static void a_revoked_client_is_out_and_its_name_free(void **state)
{
	struct accounts *a = open_accounts();
	u8 old[8], new[8], revoked[8], secret[32];
	struct account account, *list;

	(void)state;
	assert_int_equal(accounts_add(a, "bob", old, secret), 0);
	assert_int_equal(accounts_revoke(a, "nobody", revoked), -ENOENT);
	assert_int_equal(accounts_revoke(a, "bob", revoked), 0);
	assert_memory_equal(old, revoked, 8);
	assert_int_equal(accounts_revoke(a, "bob", revoked), -ENOENT);
	assert_int_equal(accounts_find(a, old, NULL, NULL), -EACCES);
	assert_int_equal(accounts_find_name(a, "bob", &account, NULL), 0);
	assert_true(account.revoked);

	assert_int_equal(accounts_add(a, "bob", new, secret), 0);
	assert_int_equal(accounts_find_name(a, "bob", &account, NULL), 0);
	assert_false(account.revoked);
	assert_memory_equal(account.id, new, 8);
	assert_int_equal(accounts_list(a, &list), 2);
	free(list);
	accounts_close(a);
}

static void note_revoked(void *ctx, const u8 id[8])
{
	memcpy(ctx, id, 8);
}

/* `triglav client` works beside a running server: two handles on one file. */
static void changes_of_another_process_are_seen(void **state)
{
	struct accounts *server = open_accounts(), *tool = open_accounts();
	u8 first[8], second[8], secret[32], gone[8] = { 0 }, time[12] = { 9 };

	(void)state;
	assert_int_equal(accounts_add(tool, "first", first, secret), 0);
	assert_int_equal(accounts_find(server, first, NULL, NULL), -ENOENT);
	assert_int_equal(accounts_reload(server, note_revoked, gone), 0);
	assert_int_equal(accounts_find(server, first, NULL, NULL), 0);
	assert_memory_equal(gone, "\0\0\0\0\0\0\0\0", 8);

	/* The server's own writes do not undo what the tool wrote meanwhile. */
	accounts_accept_time(server, first, time, 5);
	assert_int_equal(accounts_revoke(tool, "first", first), 0);
	assert_int_equal(accounts_flush(server), 0);
	assert_int_equal(accounts_add(tool, "second", second, secret), 0);
	assert_int_equal(accounts_reload(server, note_revoked, gone), 0);
	assert_memory_equal(gone, first, 8);
	assert_int_equal(accounts_find(server, first, NULL, NULL), -EACCES);
	assert_int_equal(accounts_find(server, second, NULL, NULL), 0);
	accounts_close(tool);
	accounts_close(server);
}

static void a_file_that_is_no_database_is_an_error(void **state)
{
	struct accounts *a = NULL;
	char path[128];
	FILE *f;

	(void)state;
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/clients.db", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is not a database\n", f);
	fclose(f);
	assert_int_equal(accounts_open(&a, dir, error), -EIO);
	assert_non_null(strstr(error, "clients.db"));
}

static struct admission *make_admission(struct accounts *a, bool open, u32 max_sessions)
{
	struct admission_settings set = { .accounts = a, .open = open, .max_sessions = max_sessions };
	struct admission *admission;

	assert_int_equal(prefix_parse(&set.pool4, "10.0.85.0/29"), 0);
	assert_int_equal(prefix_parse(&set.pool6, "fd85::/64"), 0);
	assert_int_equal(admission_new(&admission, &set), 0);
	return admission;
}

static struct tunnel_request request_of(const u8 id[8], u8 time)
{
	struct tunnel_request r = { .time = { time } };

	memcpy(r.client_id, id, 8);
	return r;
}

static void only_known_clients_with_a_later_time_come_in(void **state)
{
	struct accounts *a = open_accounts();
	struct admission *ad = make_admission(a, false, 0);
	struct tunnel_request r, stranger = { .anonymous = true };
	struct tunnel_grant grant;
	u8 id[8], secret[32], nobody[8] = { 1 };

	(void)state;
	assert_int_equal(accounts_add(a, "bob", id, secret), 0);
	r = request_of(nobody, 1);
	assert_int_equal(admission_admit(ad, &r, &grant), -ENOENT);
	assert_int_equal(admission_admit(ad, &stranger, &grant), -EACCES);

	r = request_of(id, 5);
	assert_int_equal(admission_admit(ad, &r, &grant), 0);
	assert_memory_equal(grant.psk, secret, 32);
	assert_int_equal(grant.ip4_len, 29);
	assert_memory_equal(grant.ip4, ((u8[]){ 10, 0, 85, 2 }), 4);
	assert_memory_equal(grant.server_ip4, ((u8[]){ 10, 0, 85, 1 }), 4);
	assert_int_equal(grant.ip6_len, 64);
	assert_int_equal(grant.ip6[15], 2);

	/* Unconfirmed, the time does not count; confirmed, it does. */
	admission_grant_unused(ad, &grant);
	assert_int_equal(admission_admit(ad, &r, &grant), 0);
	admission_session_opened(ad, &grant, 1);
	assert_int_equal(admission_admit(ad, &r, &grant), -EALREADY);

	assert_int_equal(accounts_revoke(a, "bob", id), 0);
	r = request_of(id, 6);
	assert_int_equal(admission_admit(ad, &r, &grant), -EACCES);
	admission_free(ad);
	accounts_close(a);
}

static void an_address_survives_sessions_and_restarts(void **state)
{
	struct accounts *a = open_accounts();
	struct admission *ad = make_admission(a, true, 0);
	struct tunnel_request r, anonymous = { .anonymous = true };
	struct tunnel_session_info last = { .carried_bytes = 11, .delivered_bytes = 22 };
	struct tunnel_grant old, new, other;
	struct account account;
	u8 id[8], secret[32];

	(void)state;
	assert_int_equal(accounts_add(a, "bob", id, secret), 0);
	assert_int_equal(admission_admit(ad, &anonymous, &other), 0);	/* takes .2 */
	r = request_of(id, 1);
	assert_int_equal(admission_admit(ad, &r, &old), 0);
	assert_int_equal(old.ip4[3], 3);
	admission_session_opened(ad, &old, 1);
	r = request_of(id, 2);
	assert_int_equal(admission_admit(ad, &r, &new), 0);	/* same client, before the old session ended */
	assert_int_equal(new.ip4[3], 3);
	admission_session_opened(ad, &new, 2);
	admission_session_closed(ad, &old, 1, TG_CLOSE_REPLACED, &last);
	admission_session_closed(ad, &new, 2, TG_CLOSE_BYE, &last);
	admission_free(ad);
	accounts_close(a);

	a = open_accounts();
	assert_int_equal(accounts_find(a, id, &account, NULL), 0);
	assert_int_equal(account.sent_bytes, 22);
	assert_int_equal(account.received_bytes, 44);
	ad = make_admission(a, true, 0);
	for (int i = 0; i < 4; i++) {	/* strangers get every address but bob's */
		assert_int_equal(admission_admit(ad, &anonymous, &other), 0);
		assert_int_not_equal(other.ip4[3], 3);
	}
	r = request_of(id, 3);
	assert_int_equal(admission_admit(ad, &r, &new), 0);
	assert_int_equal(new.ip4[3], 3);
	admission_free(ad);
	accounts_close(a);
}

static void full_means_full_but_one_may_replace_oneself(void **state)
{
	struct accounts *a = open_accounts();
	struct admission *ad = make_admission(a, true, 1);
	struct tunnel_request r, anonymous = { .anonymous = true };
	struct admission_counters counters;
	struct tunnel_grant grant;
	u8 id[8], secret[32];

	(void)state;
	assert_int_equal(accounts_add(a, "bob", id, secret), 0);
	r = request_of(id, 1);
	assert_int_equal(admission_admit(ad, &r, &grant), 0);
	admission_session_opened(ad, &grant, 1);
	assert_int_equal(admission_admit(ad, &anonymous, &grant), -EUSERS);
	r = request_of(id, 2);
	assert_int_equal(admission_admit(ad, &r, &grant), 0);
	admission_counters(ad, &counters);
	assert_int_equal(counters.full, 1);
	admission_free(ad);
	accounts_close(a);
}

static void *admit_and_give_back(void *arg)
{
	struct tunnel_request anonymous = { .anonymous = true };
	struct tunnel_grant grant;

	for (int i = 0; i < 20000; i++)
		if (!admission_admit(arg, &anonymous, &grant))
			admission_grant_unused(arg, &grant);
	return NULL;
}

/* Workers ask at the same time; in the end nothing is taken. */
static void workers_may_ask_at_once(void **state)
{
	struct admission *ad = make_admission(NULL, true, 0);
	struct tunnel_request anonymous = { .anonymous = true };
	struct tunnel_grant grant;
	pthread_t threads[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, admit_and_give_back, ad), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(admission_admit(ad, &anonymous, &grant), 0);
		assert_int_equal(grant.ip4[3], 2 + i);
	}
	admission_free(ad);
}

#define with_dir(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_dir(file_and_directory_are_private),
		with_dir(what_was_added_is_found_after_a_restart),
		with_dir(names_are_checked),
		with_dir(a_revoked_client_is_out_and_its_name_free),
		with_dir(changes_of_another_process_are_seen),
		with_dir(a_file_that_is_no_database_is_an_error),
		with_dir(only_known_clients_with_a_later_time_come_in),
		with_dir(an_address_survives_sessions_and_restarts),
		with_dir(full_means_full_but_one_may_replace_oneself),
		cmocka_unit_test(workers_may_ask_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
