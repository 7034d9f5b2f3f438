// SPDX-License-Identifier: MIT
/* table_test.c - tables on a terminal, of which a pseudo-terminal is one, and in a file */
#include "unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/table.h"
#include "cmd/text.h"

#define SHOWN_BYTES 4096

/* A server's flows, of a session with one path: seven columns. */
static const char *const flows[] = { "CLIENT", "PROTO", "FROM", "TO", "CLASS", "PATH", ">OUT/IN bit/s", NULL };

static struct table *table_of(const char *const *titles, const char *const *cells)
{
	struct table *t = table_new(titles);

	assert_non_null(t);
	for (; *cells; cells++)
		table_put(t, "%s", *cells);
	return t;
}

static void print_on_terminal(struct table *t, char shown[SHOWN_BYTES])
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios raw;
	ssize_t n;
	FILE *out;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	out = fdopen(slave, "w");
	assert_non_null(out);
	table_print(t, out);
	assert_int_equal(fflush(out), 0);
	n = read(master, shown, SHOWN_BYTES - 1);
	assert_true(n > 0);
	shown[n] = '\0';
	fclose(out);
	close(master);
}

static void print_in_file(struct table *t, char shown[SHOWN_BYTES])
{
	FILE *out = tmpfile();
	size_t n;

	assert_non_null(out);
	table_print(t, out);
	rewind(out);
	n = fread(shown, 1, SHOWN_BYTES - 1, out);
	shown[n] = '\0';
	fclose(out);
}

static u32 widest(const char *text)
{
	u32 most = 0, width = 0;

	for (; *text; text++) {
		width = *text == '\n' ? 0 : width + 1;
		most = MAX(most, width);
	}
	return most;
}

static const struct {
	const char *what;
	const char *cells[8];
	u32 terminal, file;	/* columns */
} tables[] = {
	{ "room for two blanks", { "laptop", "tcp", "198.51.100.2:5201", "10.0.85.2:44156", "sparse", "path 0", "21.4k/32.4M", NULL }, 79, 79 },
	{ "class straight", { "laptop", "tcp", "198.51.100.2:5201", "10.0.85.2:44156", "straight", "path 0", "21.4k/32.4M", NULL }, 75, 81 },
	{ "a longer name", { "notebook-7", "tcp", "198.51.100.2:5201", "10.0.85.2:44156", "straight", "path 0", "21.4k/32.4M", NULL }, 79, 85 },
	{ "no room at all", { "laptop", "tcp", "[2001:db8:1234::1]:5201", "[fd85:7269:676c::2]:44156", "straight", "path 0", "21.4k/32.4M", NULL }, 97, 97 },
};

static void narrower_on_a_terminal_where_that_is_enough(void **state)
{
	char shown[SHOWN_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		print_message("%s\n", tables[i].what);
		print_on_terminal(table_of(flows, tables[i].cells), shown);
		assert_int_equal(widest(shown), tables[i].terminal);
		print_in_file(table_of(flows, tables[i].cells), shown);
		assert_int_equal(widest(shown), tables[i].file);
	}
}

static void a_last_column_of_words_is_folded_instead(void **state)
{
	static const char *const titles[] = { "NAME", "MEANING", NULL };
	static const char *const cells[] = { "copy", "another copy of this packet was accepted before, as is normal with a strategy that sends each twice", NULL };
	char shown[SHOWN_BYTES];

	(void)state;
	print_on_terminal(table_of(titles, cells), shown);
	assert_true(widest(shown) <= TEXT_WIDTH);
	assert_non_null(strstr(shown, "NAME  MEANING\n"));
	assert_non_null(strstr(shown, "copy  another"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(narrower_on_a_terminal_where_that_is_enough),
		cmocka_unit_test(a_last_column_of_words_is_folded_instead),
	};

	setenv("NO_COLOR", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
