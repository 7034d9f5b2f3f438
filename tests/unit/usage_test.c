// SPDX-License-Identifier: MIT
/* usage_test.c - the month's books of uplinks with a quota, and amounts as people write them */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manage/amounts.h"
#include "run/usage.h"

#define MAY 1714521600u		/* 2024-05-01 00:00:00 UTC */

static char path[] = "/tmp/usage-test.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd) + unlink(path);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void write_file(const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void a_restart_forgets_nothing_within_the_month(void **state)
{
	struct usage before = { 0 }, after = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(usage_read(&before, path), 0);
	assert_true(usage_turn(&before, MAY));
	usage_add(&before, "eth0", 1ULL << 40);
	usage_add(&before, "wwan0", 5);
	usage_add(&before, "wwan0", 6);
	usage_add(&before, "idle0", 0);
	assert_int_equal(usage_write(&before, path), 0);
	assert_false(before.changed);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(usage_read(&after, path), 0);
	assert_false(usage_turn(&after, MAY + 30 * 86400));
	assert_int_equal(after.count, 2);
	assert_true(usage_of(&after, "eth0") == 1ULL << 40);
	assert_int_equal(usage_of(&after, "wwan0"), 11);
	assert_int_equal(usage_of(&after, "wlan0"), 0);

	assert_true(usage_turn(&after, MAY + 31 * 86400));
	assert_string_equal(after.month, "2024-06");
	assert_int_equal(usage_of(&after, "eth0"), 0);
	assert_true(after.changed);
	assert_int_equal(usage_write(&after, path), 0);
	assert_int_equal(usage_read(&before, path), 0);
	assert_int_equal(before.count, 0);
}

static void a_damaged_file_changes_nothing(void **state)
{
	static const char *const texts[] = { "", "year 2024\n", "month 2024-05\neth0 many\n", "month 2024-05\neth0\n" };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		struct usage u = { 0 };

		usage_add(&u, "eth0", 7);
		write_file(texts[i]);
		assert_int_equal(usage_read(&u, path), -EBADMSG);
		assert_int_equal(usage_of(&u, "eth0"), 7);
	}
}

static void more_names_than_fit_are_not_counted(void **state)
{
	struct usage u = { 0 };
	char name[TUNNEL_NAME_BYTES];

	(void)state;
	for (u32 i = 0; i < USAGE_MAX + 5; i++) {
		snprintf(name, sizeof(name), "eth%u", i);
		usage_add(&u, name, i + 1);
	}
	assert_int_equal(u.count, USAGE_MAX);
	assert_int_equal(usage_of(&u, "eth63"), 64);
	assert_int_equal(usage_of(&u, "eth64"), 0);
}

static void amounts_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		int (*parse)(const char *text, u64 *out);
		int result;
		u64 value;
	} facts[] = {
		{ "20mbit", amount_parse_rate, 0, 2500000 }, { "1.5Gbit", amount_parse_rate, 0, 187500000 },
		{ "8000bit", amount_parse_rate, 0, 1000 }, { "none", amount_parse_rate, 0, 0 },
		{ "7kbit", amount_parse_rate, -EINVAL, 0 }, { "20", amount_parse_rate, -EINVAL, 0 },
		{ "20MB", amount_parse_rate, -EINVAL, 0 }, { "-20mbit", amount_parse_rate, -EINVAL, 0 },
		{ "nan", amount_parse_rate, -EINVAL, 0 }, { "1e9mbit", amount_parse_rate, -EINVAL, 0 },
		{ "0x10mbit", amount_parse_rate, -EINVAL, 0 }, { "1.2.3mbit", amount_parse_rate, -EINVAL, 0 },
		{ "10GB", amount_parse_bytes, 0, 10000000000 }, { "10G", amount_parse_bytes, 0, 10000000000 },
		{ "10gib", amount_parse_bytes, 0, 10737418240 }, { "0.5TB", amount_parse_bytes, 0, 500000000000 },
		{ "1mb", amount_parse_bytes, 0, 1000000 }, { "none", amount_parse_bytes, 0, 0 },
		{ "999kB", amount_parse_bytes, -EINVAL, 0 }, { "10", amount_parse_bytes, -EINVAL, 0 },
		{ "", amount_parse_bytes, -EINVAL, 0 }, { "10 GB", amount_parse_bytes, -EINVAL, 0 },
		{ "99999999999TB", amount_parse_bytes, -EINVAL, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(facts); i++) {
		u64 value = 0;

		if (facts[i].parse(facts[i].text, &value) != facts[i].result || value != facts[i].value)
			fail_msg("%s is read as %llu", facts[i].text, (unsigned long long)value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_forgets_nothing_within_the_month),
		cmocka_unit_test(a_damaged_file_changes_nothing),
		cmocka_unit_test(more_names_than_fit_are_not_counted),
		cmocka_unit_test(amounts_are_read_as_people_write_them),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
