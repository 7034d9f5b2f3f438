// SPDX-License-Identifier: MIT
/* reload_test.c - a configuration read again: what changed, what needs a restart, and that a bad file changes nothing */
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "manage/reload.h"
#include "manage/settings_parts.h"

static struct settings now;
static struct reload reload;
static char file[] = "/tmp/triglav-reload-XXXXXX";
static char error[RUN_ERROR_BYTES];
static json_t *report;

/* What apply() was given, and what it answers. */
static struct {
	u32 calls;
	int err;
	bool refused;
	struct settings wanted;
} applied;

static int apply(void *ctx, const struct settings *wanted, bool *refused, char said[RUN_ERROR_BYTES])
{
	(void)ctx;
	*refused = applied.refused;
	applied.calls++;
	applied.wanted = *wanted;
	if (applied.err)
		snprintf(said, RUN_ERROR_BYTES, "apply says no");
	return applied.err;
}

static void write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void start(enum settings_side side, const char *text, char **flags, int count)
{
	char said[SETTINGS_ERROR_BYTES];

	assert_int_equal(settings_init(&now, side), 0);
	for (int i = 0; i < count; i++)
		assert_int_equal(settings_flag(&now, count, flags, &i, said), 1);
	reload_begin(&reload, &now, file);
	write_file(text);
	assert_int_equal(settings_read_file(&now, file, said), 0);
	settings_finish(&now);
	reload_started(&reload);
	memset(now.auth_key, 0, sizeof(now.auth_key));	/* as who takes the key from there does */
	memset(&applied, 0, sizeof(applied));
	log_set_level(LOG_LEVEL_INFO);
}

static int run(const char *text)
{
	if (text)
		write_file(text);
	json_decref(report);
	report = json_object();
	return reload_run(&reload, apply, NULL, report, error);
}

/* "key: from -> to" of the list, all in one line. */
static const char *listed(const char *list)
{
	static char line[2048];
	size_t used = 0, i;
	const json_t *one;

	line[0] = '\0';
	json_array_foreach(json_object_get(report, list), i, one)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s: %s -> %s", i ? "; " : "",
					 json_string_value(json_object_get(one, "key")), json_string_value(json_object_get(one, "from")),
					 json_string_value(json_object_get(one, "to")));
	return line;
}

static int quiet(void **state)
{
	int fd = (umask(077), mkstemp(file)), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	return fd < 0 || close(fd) || (!getenv("V") && dup2(null, STDERR_FILENO) < 0) || close(null);
}

static int clean(void **state)
{
	(void)state;
	json_decref(report);
	return unlink(file);
}

static void what_changed_is_named(void **state)
{
	static const struct {
		enum settings_side side;
		const char *text, *changed, *needs_restart;
	} rows[] = {
		{ SETTINGS_CLIENT, "", "", "" },
		{ SETTINGS_CLIENT, "[log]\nlevel = \"debug\"\n", "log.level: info -> debug", "" },
		{ SETTINGS_CLIENT, "[tun]\nmtu = 1400\n", "", "tun.mtu: 1420 -> 1400" },
		{ SETTINGS_CLIENT, "[client]\nuplinks = [\"eth0\", { name = \"wwan0\", metered = true, rate = \"20mbit\", quota = \"10GB\" }]\n",
		  "client.uplinks:  -> eth0 wwan0,metered,rate=20000000bit,quota=10000MB", "" },
		{ SETTINGS_CLIENT, "[client]\ndatapath = \"xdp\"\nuplinks = [{ name = \"eth0\", datapath = \"udp\" }]\n[transport]\nxdp = \"native\"\n",
		  "client.uplinks:  -> eth0,datapath=udp", "client.datapath: auto -> xdp; transport.xdp: off -> native" },
		{ SETTINGS_CLIENT, "[routing]\nroutes = [\"10.0.0.0/8\", \"fd00::/8\"]\n",	/* with routes there is no full tunnel by itself */
		  "routing.full_tunnel: true -> false; routing.routes:  -> 10.0.0.0/8 fd00::/8; routing.dns: true -> false; "
		  "routing.dns_servers: 1.1.1.1 8.8.8.8 -> ", "" },
		{ SETTINGS_CLIENT, "[transport]\nrekey_interval = \"90s\"\nkeepalive = \"1m\"\nsuite = \"aesgcm\"\n",
		  "transport.rekey_interval: 2m -> 90s; transport.keepalive: 15s -> 1m", "transport.suite: auto -> aesgcm" },
		{ SETTINGS_CLIENT, "[multipath]\naggregation_mode = \"none\"\ncongestion = \"cubic\"\n[multipath.scheduler]\nstrategy = \"blest\"\n",
		  "multipath.aggregation_mode: full -> none; multipath.congestion: adaptive -> cubic; "
		  "multipath.scheduler.strategy: adaptive -> blest", "" },
		{ SETTINGS_SERVER, "[server]\nopen = true\nmax_connections = 5\nallow = [\"192.168.1.0/24\"]\npool6 = \"none\"\nworkers = 2\n",
		  "server.open: false -> true; server.max_connections: 10000 -> 5; server.allow:  -> 192.168.1.0/24",
		  "server.pool6: fd85:7269:676c::/64 -> none; server.workers: 1 -> 2" },
		{ SETTINGS_SERVER, "[server]\nlisten = [\"192.0.2.1:7443\"]\n", "", "server.listen:  -> 192.0.2.1:7443" },
		{ SETTINGS_SERVER, "[[policy]]\nport = 22\nclass = \"realtime\"\n", "policy:  -> port=22,class=realtime", "" },
		{ SETTINGS_CLIENT, "[[policy]]\nmark = 7\nbypass = true\n[[policy]]\ndscp = \"ef\"\npath = \"up1\"\n", "policy:  -> mark=7,bypass dscp=ef,path=up1", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(rows[i].side, "", NULL, 0);
		assert_int_equal(run(rows[i].text), 0);
		assert_string_equal(listed("changed"), rows[i].changed);
		assert_string_equal(listed("needs_restart"), rows[i].needs_restart);
		assert_int_equal(applied.calls, rows[i].changed[0] != '\0');

		assert_int_equal(run(NULL), 0);		/* again: what was done is done, the rest still waits */
		assert_string_equal(listed("changed"), "");
		assert_string_equal(listed("needs_restart"), rows[i].needs_restart);
		assert_int_equal(applied.calls, rows[i].changed[0] != '\0');

		assert_int_equal(run(""), 0);		/* and back */
		assert_string_equal(listed("needs_restart"), "");
		assert_int_equal(run(NULL), 0);
		assert_string_equal(listed("changed"), "");
	}
}

static void flags_stay_stronger_than_the_file(void **state)
{
	char *flags[] = { "--strategy", "blest", "-i", "eth7" };

	(void)state;
	start(SETTINGS_CLIENT, "", flags, 4);
	assert_int_equal(run("[multipath.scheduler]\nstrategy = \"ecf\"\n[client]\nuplinks = [\"eth0\"]\n[log]\nlevel = \"warn\"\n"), 0);
	assert_string_equal(listed("changed"), "log.level: info -> warn");
	assert_int_equal(applied.wanted.client.sending.strategy, SCHED_BLEST);
	assert_int_equal(applied.wanted.client.uplink_count, 1);
	assert_string_equal(applied.wanted.client.uplinks[0].name, "eth7");
}

static void a_bad_file_changes_nothing(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "[log]\nlevel = \"debug\"\n[tun]\nmtu = 5\n", ":4: tun.mtu: expected a whole number" },
		{ "[log\n", ":1: " },
		{ "[client]\nuplink = [\"eth0\"]\n", "did you mean client.uplinks?" },
		{ "[server]\nopen = true\n", "is a key of a server's file" },
	};

	(void)state;
	start(SETTINGS_CLIENT, "", NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(run(rows[i].text), -EINVAL);
		if (!strstr(error, rows[i].says) || strncmp(error, file, strlen(file)))
			fail_msg("%s", error);
		assert_int_equal(applied.calls, 0);
		assert_int_equal(now.log_level, LOG_LEVEL_INFO);
		assert_int_equal(log_area_level(LOG_AREA_DAEMON), LOG_LEVEL_INFO);
	}
	unlink(file);
	assert_int_equal(run(NULL), -ENOENT);
	assert_non_null(strstr(error, "cannot read"));
	assert_int_equal(applied.calls, 0);
}

/* Was one of the lines since `after` about a change? */
static bool logged_change(u64 after)
{
	static struct log_kept kept[LOG_KEPT];
	u32 n = log_read(after, kept, LOG_KEPT);
	bool found = false;

	for (u32 i = 0; i < n; i++)
		found |= strstr(kept[i].text, ", was \"") || strstr(kept[i].text, "needs a restart");
	return found;
}

static void what_is_refused_leaves_no_trace(void **state)
{
	u64 before = log_last();

	(void)state;
	start(SETTINGS_CLIENT, "", NULL, 0);
	applied.err = -EINVAL;
	applied.refused = true;
	assert_int_equal(run("[log]\nlevel = \"debug\"\n[routing]\nkill_switch = true\n[tun]\nmtu = 1400\n"), -EINVAL);
	assert_string_equal(error, "apply says no");
	assert_int_equal(log_area_level(LOG_AREA_DAEMON), LOG_LEVEL_INFO);
	assert_false(logged_change(before));
	applied.err = 0;
	applied.refused = false;
	assert_int_equal(run(NULL), 0);
	assert_string_equal(listed("changed"), "routing.kill_switch: false -> true; log.level: info -> debug");
	assert_int_equal(log_area_level(LOG_AREA_DAEMON), LOG_LEVEL_DEBUG);
	assert_true(logged_change(before));
}

/* As the kernel answers where a step comes to it. Reverting the file has to undo what was done. */
static void an_einval_from_a_step_is_no_refusal(void **state)
{
	(void)state;
	start(SETTINGS_CLIENT, "", NULL, 0);
	applied.err = -EINVAL;
	assert_int_equal(run("[routing]\nkill_switch = true\n"), -EIO);
	applied.err = 0;
	assert_int_equal(run(""), 0);
	assert_string_equal(listed("changed"), "routing.kill_switch: true -> false");
	assert_int_equal(applied.calls, 2);
	assert_false(applied.wanted.client.kill_switch);
}

static void what_failed_midway_is_done_by_the_next_reload(void **state)
{
	(void)state;
	start(SETTINGS_SERVER, "", NULL, 0);
	applied.err = -EIO;
	assert_int_equal(run("[server]\nrouted = true\n"), -EIO);
	assert_int_equal(run(NULL), -EIO);
	assert_int_equal(applied.calls, 2);
	applied.err = 0;
	assert_int_equal(run(NULL), 0);		/* nothing in the file is new */
	assert_int_equal(applied.calls, 3);
	assert_true(applied.wanted.server.routed);
	assert_string_equal(listed("changed"), "");
	assert_true(json_is_true(json_object_get(report, "again")));
	assert_int_equal(run(NULL), 0);
	assert_int_equal(applied.calls, 3);
	assert_null(json_object_get(report, "again"));
}

static void quotas_of_the_same_megabyte_differ(void **state)
{
	(void)state;
	start(SETTINGS_CLIENT, "[client]\nuplinks = [{ name = \"wwan0\", quota = \"1000.2MB\" }]\n", NULL, 0);
	assert_int_equal(run("[client]\nuplinks = [{ name = \"wwan0\", quota = \"1000.4MB\" }]\n"), 0);
	assert_string_equal(listed("changed"), "client.uplinks: wwan0,quota=1000.2MB -> wwan0,quota=1000.4MB");
	assert_int_equal(run("[client]\nuplinks = [{ name = \"wwan0\", quota = \"1MiB\" }]\n"), 0);
	assert_string_equal(listed("changed"), "client.uplinks: wwan0,quota=1000.4MB -> wwan0,quota=1.048576MB");
	assert_int_equal(run("[client]\nuplinks = [{ name = \"wwan0\", quota = \"1.048576MB\" }]\n"), 0);
	assert_string_equal(listed("changed"), "");
}

static void without_a_file(void **state)
{
	(void)state;
	start(SETTINGS_CLIENT, "", NULL, 0);
	reload.file = "";
	assert_int_equal(run(NULL), -EINVAL);
	assert_non_null(strstr(error, "without --config"));
}

static void secrets_are_not_told(void **state)
{
	char *text;

	(void)state;
	start(SETTINGS_CLIENT, "[client]\nauth_key = \"tg2_one\"\n", NULL, 0);
	assert_int_equal(run(NULL), 0);
	assert_string_equal(listed("needs_restart"), "");
	assert_int_equal(run("[client]\nauth_key = \"tg2_other\"\n"), 0);
	assert_string_equal(listed("needs_restart"), "client.auth_key: (secret) -> (secret)");
	text = json_dumps(report, 0);
	assert_null(strstr(text, "tg2_"));
	free(text);
	reload_wipe(&reload);
}

/* Every row's text is one that the row takes, so that what is told can be written. */
static void texts_are_values(void **state)
{
	static const enum settings_side sides[] = { SETTINGS_CLIENT, SETTINGS_SERVER };
	static struct settings other;

	(void)state;
	for (size_t side = 0; side < 2; side++) {
		start(sides[side], "", NULL, 0);
		assert_int_equal(settings_init(&other, sides[side]), 0);
		for (const struct setting *row = settings_table; !settings_row_ends(row); row++) {
			struct value_slot from = settings_slot(&now, row), to = settings_slot(&other, row);
			char *text, *again;

			if (!(row->sides & sides[side]) || (to.count && *from.count > 1))
				continue;
			text = value_text(&from);
			if (text[0]) {
				if (to.count)
					*to.count = 0;
				if (value_set(&to, text))
					fail_msg("%s: \"%s\"", row->key ? row->key : row->flag, text);
				again = value_text(&to);
				assert_string_equal(again, text);
				free(again);
			}
			free(text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changed_is_named),
		cmocka_unit_test(flags_stay_stronger_than_the_file),
		cmocka_unit_test(a_bad_file_changes_nothing),
		cmocka_unit_test(what_is_refused_leaves_no_trace),
		cmocka_unit_test(an_einval_from_a_step_is_no_refusal),
		cmocka_unit_test(what_failed_midway_is_done_by_the_next_reload),
		cmocka_unit_test(quotas_of_the_same_megabyte_differ),
		cmocka_unit_test(without_a_file),
		cmocka_unit_test(secrets_are_not_told),
		cmocka_unit_test(texts_are_values),
	};

	return cmocka_run_group_tests(tests, quiet, clean);
}
