// SPDX-License-Identifier: MIT
/* keyfile_test.c - files with secrets: who may read them, and what is said about bad ones */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keyfile.h"
#include "base/types.h"

static char dir[] = "/tmp/triglav-keyfile-XXXXXX";
static char path[128];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void put_file(const char *content, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static mode_t file_mode(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void a_secret_comes_back(void **state)
{
	char error[KEYFILE_ERROR_BYTES], line[128];
	u8 secret[32], got[32];
	mode_t before = umask(0);

	(void)state;
	randombytes_buf(secret, sizeof(secret));
	assert_int_equal(keyfile_write_secret(path, secret), 0);
	umask(before);
	assert_int_equal(file_mode(), 0600);
	assert_int_equal(keyfile_read_secret(path, got, error), 0);
	assert_memory_equal(got, secret, 32);
	assert_int_equal(keyfile_read(path, line, sizeof(line), error), 0);
	assert_int_equal(strlen(line), 43);
}

static void an_existing_file_is_left_alone(void **state)
{
	char error[KEYFILE_ERROR_BYTES], line[64];

	(void)state;
	assert_int_equal(keyfile_write(path, "first"), 0);
	assert_int_equal(keyfile_write(path, "second"), -EEXIST);
	assert_int_equal(keyfile_read(path, line, sizeof(line), error), 0);
	assert_string_equal(line, "first");
	unlink(path);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(keyfile_write(path, "third"), -EEXIST);
	assert_int_equal(keyfile_write("/nonexistent/key", "x"), -ENOENT);
	assert_int_equal(keyfile_write(path, "two\nlines"), -EINVAL);
}

static void a_hidden_umask_does_not_make_it_unreadable(void **state)
{
	mode_t before = umask(0777);
	int err = keyfile_write(path, "line");

	(void)state;
	umask(before);
	assert_int_equal(err, 0);
	assert_int_equal(file_mode(), 0600);
}

static const struct {
	mode_t mode;
	bool refused;
} modes[] = {
	{ 0600, false }, { 0400, false }, { 0700, false }, { 0640, true }, { 0620, true }, { 0604, true },
	{ 0602, true },	 { 0644, true },  { 0666, true },  { 0440, true }, { 0611, false },
};

static void files_open_to_others_are_refused(void **state)
{
	char error[KEYFILE_ERROR_BYTES], line[64], advice[160];

	(void)state;
	snprintf(advice, sizeof(advice), "chmod 600 %s", path);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		put_file("secret\n", 7, modes[i].mode);
		memset(line, 'x', sizeof(line));
		assert_int_equal(keyfile_read(path, line, sizeof(line), error), modes[i].refused ? -EPERM : 0);
		if (modes[i].refused) {
			assert_non_null(strstr(error, advice));
			assert_null(strstr(error, "secret\n"));
			assert_true(sodium_is_zero((const u8 *)line, sizeof(line)));
		} else {
			assert_string_equal(line, "secret");
			assert_string_equal(error, "");
		}
		unlink(path);
	}
}

/* systemd shows the mask of an ACL as group bits; its directory is closed to others. */
static void credentials_of_systemd_may_show_group_bits(void **state)
{
	char error[KEYFILE_ERROR_BYTES], line[64], sideways[160];

	(void)state;
	put_file("secret\n", 7, 0440);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(keyfile_read(path, line, sizeof(line), error), 0);
	snprintf(sideways, sizeof(sideways), "%s/../%s/key", dir, dir + 5);
	assert_int_equal(keyfile_read(sideways, line, sizeof(line), error), -EPERM);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(keyfile_read(path, line, sizeof(line), error), -EPERM);
}

#define GOOD "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"	/* 0, 1, ... 31 */

static const struct {
	const char *content;
	size_t len;
	int line_err, secret_err;
	const char *error;
} contents[] = {
	{ GOOD "\n", 44, 0, 0, "" },
	{ GOOD, 43, 0, 0, "" },
	{ GOOD " \r\n\n", 47, 0, 0, "" },
	{ "", 0, -EINVAL, -EINVAL, "empty" },
	{ "\n\n", 2, -EINVAL, -EINVAL, "empty" },
	{ GOOD "\n" GOOD "\n", 88, -EINVAL, -EINVAL, "more than one line" },
	{ GOOD "\0x\n", 46, -EINVAL, -EINVAL, "more than one line" },
	{ "short\n", 6, 0, -EINVAL, "not a secret" },
	{ GOOD "A\n", 45, 0, -EINVAL, "not a secret" },
	{ GOOD "=\n", 45, 0, -EINVAL, "not a secret" },
};

static void contents_are_checked(void **state)
{
	char error[KEYFILE_ERROR_BYTES], line[128];
	u8 secret[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		put_file(contents[i].content, contents[i].len, 0600);
		assert_int_equal(keyfile_read(path, line, sizeof(line), error), contents[i].line_err);
		assert_int_equal(keyfile_read_secret(path, secret, error), contents[i].secret_err);
		assert_non_null(strstr(error, contents[i].error));
		if (contents[i].secret_err)
			assert_non_null(strstr(error, path));
		else
			assert_int_equal(secret[31], 31);
	}
}

static void what_is_no_key_file_is_refused(void **state)
{
	char error[KEYFILE_ERROR_BYTES], line[16];

	(void)state;
	assert_int_equal(keyfile_read(path, line, sizeof(line), error), -ENOENT);
	assert_non_null(strstr(error, "No such file"));
	assert_int_equal(keyfile_read(dir, line, sizeof(line), error), -EISDIR);
	put_file("a line longer than the room for it\n", 35, 0600);
	assert_int_equal(keyfile_read(path, line, sizeof(line), error), -E2BIG);
	assert_non_null(strstr(error, "longer"));
	assert_true(sodium_is_zero((const u8 *)line, sizeof(line)));
}

/* The pipe stays open and more stands in it: one line is read, and no further. */
static void standard_input_is_read_up_to_one_line(void **state)
{
	char error[KEYFILE_ERROR_BYTES], line[64];
	int saved = dup(STDIN_FILENO), ends[2], err;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "tg1_abc\r\nnext", 13), 13);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	err = keyfile_read("-", line, sizeof(line), error);
	dup2(saved, STDIN_FILENO);
	assert_int_equal(err, 0);
	assert_string_equal(line, "tg1_abc");
	assert_int_equal(read(ends[0], line, sizeof(line)), 4);
	close(ends[0]);
	close(ends[1]);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_secret_comes_back, remove_file),
		cmocka_unit_test_teardown(an_existing_file_is_left_alone, remove_file),
		cmocka_unit_test_teardown(a_hidden_umask_does_not_make_it_unreadable, remove_file),
		cmocka_unit_test_teardown(files_open_to_others_are_refused, remove_file),
		cmocka_unit_test_teardown(credentials_of_systemd_may_show_group_bits, remove_file),
		cmocka_unit_test_teardown(contents_are_checked, remove_file),
		cmocka_unit_test_teardown(what_is_no_key_file_is_refused, remove_file),
		cmocka_unit_test_teardown(standard_input_is_read_up_to_one_line, remove_file),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
