// SPDX-License-Identifier: MIT
/* settings_test.c - files and flags into settings, and what is said about mistakes */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <triglav/maps.h>

#include "base/log.h"
#include "manage/nearest.h"
#include "manage/settings.h"

static struct settings s;
static char error[SETTINGS_ERROR_BYTES];

static int read_text(enum settings_side side, const char *text)
{
	error[0] = '\0';
	assert_int_equal(settings_init(&s, side), 0);
	return settings_read_text(&s, "test.toml", text, strlen(text), error);
}

/* Every preset is a value of its own type: settings_init() says so. */
static void defaults_are_those_of_the_table(void **state)
{
	(void)state;
	assert_int_equal(settings_init(&s, SETTINGS_SERVER), 0);
	settings_finish(&s);
	assert_int_equal(s.server.max_connections, 10000);
	assert_int_equal(s.server.idle_timeout_us, 5 * 60 * SEC);
	assert_int_equal(s.server.mtu, 1420);
	assert_true(s.server.tcp_fallback);
	assert_false(s.server.open);
	assert_int_equal(s.server.listen_count, 0);
	assert_string_equal(s.server.tun_name, "tg0");
	assert_string_equal(s.server.place.state_dir, "/var/lib/triglav");
	assert_string_equal(s.key_file, "/var/lib/triglav/server.key");

	assert_int_equal(settings_init(&s, SETTINGS_CLIENT), 0);
	settings_finish(&s);
	assert_int_equal(s.client.sending.aggregation, SCHED_FULL);
	assert_int_equal(s.client.sending.strategy, SCHED_ADAPTIVE);
	assert_int_equal(s.client.rekey_us, 120 * SEC);
	assert_int_equal(s.client.keepalive_us, 15 * SEC);
	assert_false(s.client.no_tcp_fallback);
	assert_int_equal(s.log_level, LOG_LEVEL_INFO);
}

static void both_ends_say_how_they_send(void **state)
{
	static const char text[] = "[multipath]\naggregation_mode = \"none\"\ncongestion = \"cubic\"\n"
				   "[multipath.scheduler]\nstrategy = \"blest\"\ncopies = false\n";
	const enum settings_side sides[] = { SETTINGS_CLIENT, SETTINGS_SERVER };
	struct tunnel_settings engine = { 0 };

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		const struct run_sending *sending = i ? &s.server.sending : &s.client.sending;

		assert_int_equal(settings_init(&s, sides[i]), 0);
		settings_finish(&s);
		assert_int_equal(sending->aggregation, SCHED_FULL);
		assert_int_equal(sending->congestion, RATE_ADAPTIVE);
		assert_false(sending->no_copies);
		assert_int_equal(read_text(sides[i], text), 0);
		settings_finish(&s);
		run_sending_fill(sending, &engine);
		assert_int_equal(engine.aggregation, SCHED_NONE);
		assert_int_equal(engine.congestion, RATE_CUBIC);
		assert_int_equal(engine.strategy, SCHED_BLEST);
		assert_true(engine.no_copies);
	}
}

static void a_whole_server_file_is_read(void **state)
{
	static const char text[] =
		"[server]\n"
		"listen = [\"0.0.0.0:7000\", \"[::1]:7001\"]\n"
		"key_file = \"/etc/triglav/server.key\"\n"
		"max_connections = 7\n"
		"idle_timeout = \"90s\"\n"
		"tcp_fallback = false\n"
		"pool = \"10.1.0.0/16\"\n"
		"pool6 = \"none\"\n"
		"allow = \"192.168.7.9/24\"\n"
		"[tun]\n"
		"name = \"tg7\"\n"
		"mtu = 1300\n";

	(void)state;
	assert_int_equal(read_text(SETTINGS_SERVER, text), 0);
	settings_finish(&s);
	assert_int_equal(s.server.listen_count, 2);
	assert_int_equal(s.server.listen[1].port, 7001);
	assert_string_equal(s.key_file, "/etc/triglav/server.key");
	assert_int_equal(s.server.max_connections, 7);
	assert_int_equal(s.server.idle_timeout_us, 90 * SEC);
	assert_false(s.server.tcp_fallback);
	assert_int_equal(s.server.pool4.len, 16);
	assert_false(s.server.no_pool4);
	assert_true(s.server.no_pool6);
	assert_int_equal(s.server.allow.count, 1);
	assert_int_equal(s.server.allow.at[0].ip[3], 0);	/* host bits are cut */
	assert_string_equal(s.server.tun_name, "tg7");
	assert_int_equal(s.server.mtu, 1300);
}

static void uplinks_are_names_or_tables(void **state)
{
	(void)state;
	assert_int_equal(read_text(SETTINGS_CLIENT, "client.uplinks = [\"eth0\", { name = \"wwan0\", weight = 3, metered = true, backup = false },"
				   " { name = \"wlan0\", backup = true }]"), 0);
	assert_int_equal(s.client.uplink_count, 3);
	assert_string_equal(s.client.uplinks[0].name, "eth0");
	assert_int_equal(s.client.uplinks[0].weight, 0);
	assert_string_equal(s.client.uplinks[1].name, "wwan0");
	assert_int_equal(s.client.uplinks[1].weight, 3);
	assert_int_equal(s.client.uplinks[1].flags, TG_LINK_METERED);
	assert_int_equal(s.client.uplinks[2].flags, TG_LINK_BACKUP);
}

static void uplinks_have_rates_and_quotas(void **state)
{
	(void)state;
	assert_int_equal(read_text(SETTINGS_CLIENT, "client.uplinks = [{ rate = \"20mbit\", name = \"wwan0\", quota = \"10GB\" },"
				   " \"eth0,quota=1GiB,backup\"]"), 0);
	assert_string_equal(s.client.uplinks[0].name, "wwan0");
	assert_int_equal(s.client.uplinks[0].rate, 2500000);
	assert_true(s.client.uplinks[0].quota == 10000000000);
	assert_int_equal(s.client.uplinks[1].rate, 0);
	assert_int_equal(s.client.uplinks[1].quota, 1 << 30);
	assert_int_equal(s.client.uplinks[1].flags, TG_LINK_BACKUP);
	assert_int_equal(read_text(SETTINGS_CLIENT, "client.uplinks = [{ name = \"eth0\", rate = \"fast\" }]"), -EINVAL);
	assert_int_equal(read_text(SETTINGS_CLIENT, "client.uplinks = [{ name = \"eth0\", rate = \"1mbit,backup\" }]"), -EINVAL);
	assert_int_equal(read_text(SETTINGS_CLIENT, "client.uplinks = [{ name = \"eth0\", metered = 1 }]"), -EINVAL);
}

static const struct {
	enum settings_side side;
	const char *text;
	const char *says;	/* the whole message */
} bad_files[] = {
	{ SETTINGS_SERVER, "[server]\nlisen = \"0.0.0.0:1\"\n", "test.toml:2: unknown key server.lisen; did you mean server.listen?" },
	{ SETTINGS_SERVER, "max_connections = 5\n", "test.toml:1: unknown key max_connections; did you mean server.max_connections?" },
	{ SETTINGS_SERVER, "\n\n[sevrer]\npool = \"10.0.0.0/8\"", "test.toml:4: unknown key sevrer.pool; did you mean server.pool?" },
	{ SETTINGS_SERVER, "[server]\nzzzzzz = 1\n", "test.toml:2: unknown key server.zzzzzz; `triglav config --server` lists all" },
	{ SETTINGS_SERVER, "[client]\nauto_discover = true\n", "test.toml:2: client.auto_discover is a key of a client's file" },
	{ SETTINGS_CLIENT, "[server]\nopen = true\n", "test.toml:2: server.open is a key of a server's file" },
	{ SETTINGS_CLIENT, "[nat]\nudp_timeout = \"3m\"\n", "test.toml:2: nat.udp_timeout has no effect in this version; remove the line" },
	{ SETTINGS_SERVER, "[server]\nmax_connections = \"many\"\n", "test.toml:2: server.max_connections: expected a whole number from 1 to 1000000, found \"many\"" },
	{ SETTINGS_SERVER, "[server]\nmax_connections = 0\n", "test.toml:2: server.max_connections: expected a whole number from 1 to 1000000, found 0" },
	{ SETTINGS_SERVER, "[server]\nmax_connections = -3\n", "test.toml:2: server.max_connections: expected a whole number from 1 to 1000000, found -3" },
	{ SETTINGS_SERVER, "[server]\nmax_connections = 1.5\n", "test.toml:2: server.max_connections: expected a whole number from 1 to 1000000, found 1.5" },
	{ SETTINGS_SERVER, "[server]\nidle_timeout = 300\n", "test.toml:2: server.idle_timeout: expected a duration such as \"10s\" or \"100ms\", from 10s to 10080m, found 300" },
	{ SETTINGS_SERVER, "[server]\nidle_timeout = \"1s\"\n", "test.toml:2: server.idle_timeout: expected a duration such as \"10s\" or \"100ms\", from 10s to 10080m, found \"1s\"" },
	{ SETTINGS_SERVER, "[server]\nopen = \"yes\"\n", "test.toml:2: server.open: expected true or false, found \"yes\"" },
	{ SETTINGS_SERVER, "[server]\npool = \"fd00::/64\"\n", "test.toml:2: server.pool: expected an IPv4 network such as \"10.0.85.0/24\", or \"none\", found \"fd00::/64\"" },
	{ SETTINGS_SERVER, "[server]\nlisten = [\"0.0.0.0:7443\",\n\"example\"]\n", "test.toml:2: server.listen: expected an address and port such as \"203.0.113.5:7443\" or \"[2001:db8::5]:7443\", found \"example\"" },
	{ SETTINGS_SERVER, "[server]\nlisten = 7443\n", "test.toml:2: server.listen: expected an address and port such as \"203.0.113.5:7443\" or \"[2001:db8::5]:7443\", found 7443" },
	{ SETTINGS_CLIENT, "[multipath.scheduler]\nstrategy = \"fastest\"\n", "test.toml:2: multipath.scheduler.strategy: expected one of adaptive, lowest_latency, lowest_loss, bandwidth_proportional, weighted_round_robin, primary_backup, redundant, ecmp_aware, minrtt, blest, ecf, found \"fastest\"" },
	{ SETTINGS_CLIENT, "[routing]\ndns_servers = [\"1.1.1.1\", \"2.2.2.2\", \"3.3.3.3\", \"4.4.4.4\", \"5.5.5.5\"]\n", "test.toml:2: routing.dns_servers: more than 4 values" },
	{ SETTINGS_CLIENT, "[client]\nuplinks = [{ name = \"eth0\", quota = 5 }]\n", "test.toml:2: client.uplinks: expected an interface such as \"eth0\" or \"wwan0,weight=2,metered,backup,rate=20mbit,quota=10GB,datapath=xdp\", found {\"name\":\"eth0\",\"quota\":5}" },
	{ SETTINGS_CLIENT, "[client]\nuplinks = [{ weight = 5 }]\n", "test.toml:2: client.uplinks: expected an interface such as \"eth0\" or \"wwan0,weight=2,metered,backup,rate=20mbit,quota=10GB,datapath=xdp\", found {\"weight\":5}" },
	{ SETTINGS_CLIENT, "[tun]\nname = \"averyveryverylongname\"\n", "test.toml:2: tun.name: expected the name of an interface, at most 15 letters, found \"averyveryverylongname\"" },
};

static const struct {
	enum settings_side side;
	const char *text;
	const char *says;
} bad_policies[] = {
	{ SETTINGS_CLIENT, "[log]\nlevel = \"info\"\n[[policy]]\nport = 53\n", "test.toml:3: policy: what of port 53? Add class = \"realtime\" or \"bulk\", path = \"UPLINK\", or bypass = true" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\nbypass = true\n[[policy]]\nclass = \"bulk\"\n", "test.toml:4: policy: which packets? Add one of mark, cgroup, dscp, port" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 70000\nclass = \"bulk\"\n", "test.toml:2: policy.port: expected 443, tcp/443 or udp/443, found 70000" },
	{ SETTINGS_CLIENT, "[[policy]]\nclass = \"bulk\"\nport = \"sctp/7\"\n", "test.toml:3: policy.port: expected 443, tcp/443 or udp/443, found \"sctp/7\"" },
	{ SETTINGS_CLIENT, "[[policy]]\nmark = 0\nclass = \"bulk\"\n", "test.toml:2: policy.mark: expected a number from 1 to 0xffffffff, found 0" },
	{ SETTINGS_CLIENT, "[[policy]]\ndscp = \"af99\"\nclass = \"bulk\"\n", "test.toml:2: policy.dscp: expected 0 to 63, ef, af11 to af43 or cs0 to cs7, found \"af99\"" },
	{ SETTINGS_CLIENT, "[[policy]]\ncgroup = \"system.slice\"\nbypass = true\n", "test.toml:2: policy.cgroup: expected a folder of cgroup2, from / on, found \"system.slice\"" },
	{ SETTINGS_CLIENT, "[[policy]]\ncgroup = \"/tmp\"\nbypass = true\n", "test.toml:2: policy.cgroup: expected a folder of cgroup2, from / on, found \"/tmp\"" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\nmark = 7\nbypass = true\n", "test.toml:2: policy.port: mark says which packets already; one of mark, cgroup, dscp, port is enough" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\nclass = \"fast\"\n", "test.toml:3: policy.class: expected \"realtime\" or \"bulk\", found \"fast\"" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\nclass = \"bypass\"\n", "test.toml:3: policy.class: for packets that are to keep out of the tunnel write bypass = true" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\nbypass = \"yes\"\n", "test.toml:3: policy.bypass: expected true or false, found \"yes\"" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\npath = \"up1\"\nbypass = true\n", "test.toml:4: policy.bypass: what bypasses the tunnel has no path; leave one out" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\nclas = \"bulk\"\n", "test.toml:3: policy.clas: there is no such key; did you mean class?" },
	{ SETTINGS_CLIENT, "[[policy]]\nport = 53\nbypass = true\n\n[[policy]]\nport = 53\nclass = \"bulk\"\n", "test.toml:6: policy.port: there is one for 53 already; one is enough" },
	{ SETTINGS_CLIENT, "[policy]\nport = 53\nbypass = true\n", "test.toml:2: policies are a list: write [[policy]] in place of [policy]" },
	{ SETTINGS_CLIENT, "policy = 7\n", "test.toml:1: policy: a policy is a table: [[policy]], and its keys on the lines below" },
	{ SETTINGS_CLIENT, "[[polcy]]\nport = 7\n", "test.toml:1: unknown key polcy; did you mean policy?" },
	{ SETTINGS_SERVER, "[[policy]]\nport = 53\nbypass = true\n", "test.toml:3: policy.bypass: is for clients; a server has class = \"realtime\" or \"bulk\"" },
	{ SETTINGS_SERVER, "[[policy]]\nport = 53\npath = \"up1\"\n", "test.toml:3: policy.path: is for clients; a server has class = \"realtime\" or \"bulk\"" },
};

static void bad_policies_name_the_line_of_their_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_policies); i++) {
		assert_int_equal(read_text(bad_policies[i].side, bad_policies[i].text), -EINVAL);
		assert_string_equal(error, bad_policies[i].says);
	}
}

static void policies_are_tables(void **state)
{
	static const char text[] = "[[policy]]\nport = 5060\nclass = \"realtime\"\npath = \"wlan0\"\n"
				   "[[policy]]\ndscp = \"cs1\"\nclass = \"bulk\"\n"
				   "[[policy]]\nmark = \"0x70\"\nbypass = true\n"
				   "[[policy]]\ncgroup = \"/sys/fs/cgroup/there.is/none\"\nbypass = true\n"
				   "[log]\nlevel = \"warn\"\n";
	const struct policy *p = s.client.policies.at;

	(void)state;
	assert_int_equal(read_text(SETTINGS_CLIENT, text), 0);
	settings_finish(&s);
	assert_int_equal(s.client.policies.count, 4);
	assert_int_equal(p[0].kind, TG_POLICY_PORT);
	assert_int_equal(p[0].value, 5060);
	assert_int_equal(p[0].class, TG_CLASS_REALTIME);
	assert_string_equal(p[0].path, "wlan0");
	assert_int_equal(p[1].value, 8);
	assert_int_equal(p[1].class, TG_CLASS_BULK);
	assert_int_equal(p[2].value, 0x70);
	assert_int_equal(p[2].class, TG_CLASS_BYPASS);
	assert_int_equal(p[3].kind, TG_POLICY_CGROUP);
	assert_int_equal(p[3].value, 0);	/* waited for */
	assert_int_equal(s.log_level, LOG_LEVEL_WARN);
	assert_int_equal(read_text(SETTINGS_CLIENT, "policy = [{ port = 1, class = \"bulk\" }, { port = 2, bypass = true }]"), 0);
	assert_int_equal(s.policies.count, 2);
	assert_int_equal(read_text(SETTINGS_CLIENT, "policy = []\nclient.uplinks = []"), 0);
	assert_int_equal(s.policies.count, 0);
	assert_int_equal(read_text(SETTINGS_CLIENT, "[[client.uplinks]]\nname = \"eth0\"\n[[client.uplinks]]\nname = \"eth1\"\nweight = 2"), 0);
	assert_int_equal(s.client.uplink_count, 2);
}

static void bad_files_name_line_key_and_what_was_expected(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++) {
		assert_int_equal(read_text(bad_files[i].side, bad_files[i].text), -EINVAL);
		assert_string_equal(error, bad_files[i].says);
	}
}

static void what_is_no_toml_is_refused_with_its_line(void **state)
{
	(void)state;
	assert_int_equal(read_text(SETTINGS_SERVER, "[server]\nopen = true\nlisten = [\n"), -EINVAL);
	assert_int_equal(strncmp(error, "test.toml:", 10), 0);
	assert_true(error[10] >= '3' && error[10] <= '4');
	assert_int_equal(read_text(SETTINGS_SERVER, "[server]\nopen = true\nopen = false\n"), -EINVAL);
	assert_int_equal(strncmp(error, "test.toml:3: ", 13), 0);
	assert_int_equal(read_text(SETTINGS_SERVER, "open == true"), -EINVAL);
	assert_int_equal(read_text(SETTINGS_SERVER, "\xff\xfe = 1"), -EINVAL);
	assert_int_equal(read_text(SETTINGS_SERVER, "[.\n"), -EINVAL);	/* the parser asserted here */
}

static void an_empty_section_is_fine_if_it_is_known(void **state)
{
	(void)state;
	assert_int_equal(read_text(SETTINGS_SERVER, "[server]\n[tun]\n"), 0);
	assert_int_equal(read_text(SETTINGS_SERVER, "[servr]\n"), -EINVAL);
}

/* The printed file works as it is, and with every default and example switched on. */
static void printed_files_can_be_read(void **state)
{
	static const enum settings_side sides[] = { SETTINGS_SERVER, SETTINGS_CLIENT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		assert_non_null(f);
		settings_print_file(f, sides[i]);
		fclose(f);
		if (read_text(sides[i], text))
			fail_msg("%s", error);
		for (char *line = strstr(text, "\n#"); line; line = strstr(line + 1, "\n#"))
			if (line[2] != ' ')
				line[1] = ' ';
		if (read_text(sides[i], text))
			fail_msg("%s", error);
		for (size_t row = 0; settings_table[row].key; row++)
			if (settings_table[row].sides & sides[i])
				assert_int_equal(s.source[row], SETTINGS_FILE);
		free(text);
	}
}

static int parse_flags(enum settings_side side, int argc, char **argv)
{
	int err = 1;

	error[0] = '\0';
	assert_int_equal(settings_init(&s, side), 0);
	for (int i = 0; i < argc && err == 1; i++)
		err = settings_flag(&s, argc, argv, &i, error);
	return err;
}

#define FLAGS(side, ...) parse_flags(side, (int)ARRAY_SIZE(((char *[]){ __VA_ARGS__ })), (char *[]){ __VA_ARGS__ })

static void flags_are_read_in_all_their_forms(void **state)
{
	(void)state;
	assert_int_equal(FLAGS(SETTINGS_CLIENT, "-i", "eth0", "-iwwan0,backup", "--interface=wlan0", "--no-tcp-fallback", "--kill-switch",
			       "--rekey-interval", "1s", "--dns=false", "--datapath", "udp", "-ieth9,datapath=xdp"), 1);
	assert_int_equal(s.client.uplink_count, 4);
	assert_int_equal(s.client.datapath, RUN_DATAPATH_UDP);
	assert_int_equal(s.client.uplinks[2].datapath, RUN_DATAPATH_UNSAID);
	assert_int_equal(s.client.uplinks[3].datapath, RUN_DATAPATH_XDP);
	assert_string_equal(s.client.uplinks[1].name, "wwan0");
	assert_int_equal(s.client.uplinks[1].flags, TG_LINK_BACKUP);
	assert_false(s.tcp_fallback);
	assert_true(s.client.kill_switch);
	assert_int_equal(s.rekey_us, SEC);
	assert_int_equal(FLAGS(SETTINGS_CLIENT, "--listen", "0.0.0.0:1"), 0);	/* the server's */
	assert_int_equal(FLAGS(SETTINGS_SERVER, "--listen"), -EINVAL);
	assert_int_equal(FLAGS(SETTINGS_SERVER, "--listening", "0.0.0.0:1"), 0);
	assert_int_equal(FLAGS(SETTINGS_SERVER, "--listen", "x"), -EINVAL);
	assert_int_equal(FLAGS(SETTINGS_CLIENT, "--datapath", "xpd"), -EINVAL);
	assert_string_equal(error, "--datapath: expected auto, udp or xdp, found \"xpd\"");
	assert_int_equal(FLAGS(SETTINGS_CLIENT, "-ieth0,datapath=tcp"), -EINVAL);
}

static void flags_win_over_files_whichever_comes_first(void **state)
{
	static const char file[] = "[server]\nlisten = [\"1.1.1.1:1\", \"2.2.2.2:2\"]\nmax_connections = 5\n";

	(void)state;
	assert_int_equal(FLAGS(SETTINGS_SERVER, "--listen", "3.3.3.3:3", "--max-connections", "9"), 1);
	assert_int_equal(settings_read_text(&s, "f", file, strlen(file), error), 0);
	assert_int_equal(s.server.listen_count, 1);
	assert_int_equal(s.server.listen[0].port, 3);
	assert_int_equal(s.server.max_connections, 9);

	assert_int_equal(read_text(SETTINGS_SERVER, file), 0);
	assert_int_equal(s.server.listen_count, 2);
	for (int i = 0, at = 0; i < 2; i++, at = 0)
		assert_int_equal(settings_flag(&s, 2, (char *[]){ "--listen", i ? "5.5.5.5:5" : "4.4.4.4:4" }, &at, error), 1);
	assert_int_equal(s.server.listen_count, 2);
	assert_int_equal(s.server.listen[0].port, 4);
}

static const struct {
	const char *file;
	bool full_tunnel, dns;
} routings[] = {
	{ "", true, true },
	{ "routing.full_tunnel = true", true, false },
	{ "routing.full_tunnel = false", false, false },
	{ "routing.routes = [\"10.0.0.0/8\"]", false, false },
	{ "routing.dns_servers = [\"9.9.9.9\"]\nrouting.full_tunnel = true", true, true },
	{ "routing.dns = false", true, false },
	{ "routing.dns = true\nrouting.full_tunnel = true", true, true },
};

static void without_a_word_all_traffic_and_names_go_through(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routings); i++) {
		assert_int_equal(read_text(SETTINGS_CLIENT, routings[i].file), 0);
		settings_finish(&s);
		assert_int_equal(s.client.full_tunnel, routings[i].full_tunnel);
		assert_int_equal(s.client.dns, routings[i].dns);
		assert_int_equal(s.client.dns_count > 0, routings[i].dns);
	}
}

static void a_file_with_a_key_must_be_private(void **state)
{
	char path[] = "/tmp/triglav-settings-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "client.auth_key = \"tg2_abc\"\n", 28), 28);
	assert_int_equal(settings_init(&s, SETTINGS_CLIENT), 0);
	assert_int_equal(settings_read_file(&s, path, error), 0);
	assert_string_equal(s.auth_key, "tg2_abc");
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(settings_read_file(&s, path, error), -EPERM);
	assert_non_null(strstr(error, "chmod 600"));
	close(fd);
	unlink(path);
	assert_int_equal(settings_read_file(&s, path, error), -ENOENT);
}

static const struct {
	const char *a, *b;
	u32 distance;
} words[] = {
	{ "", "", 0 }, { "listen", "listen", 0 }, { "lisen", "listen", 1 }, { "lsiten", "listen", 1 },
	{ "status", "stauts", 1 }, { "", "abc", 3 }, { "abc", "", 3 }, { "pool", "pool6", 1 }, { "kitten", "sitting", 3 },
};

static void distances_are_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_int_equal(nearest_distance(words[i].a, words[i].b), words[i].distance);
}

static const struct {
	const char *text;
	u64 us;		/* 0: refused */
} durations[] = {
	{ "10s", 10 * SEC }, { "100ms", 100 * MSEC }, { "5m", 300 * SEC }, { "7us", 7 }, { "2h", 7200 * SEC }, { "1d", 86400 * SEC },
	{ "10", 0 }, { "s", 0 }, { "-1s", 0 }, { "1.5s", 0 }, { "10 s", 0 }, { "1m30s", 0 }, { "99999999999999999999s", 0 },
	{ "18446744073709551615d", 0 }, { "", 0 },
};

static void durations_have_one_number_and_one_unit(void **state)
{
	u64 us;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		us = 0;
		assert_int_equal(value_parse_duration(durations[i].text, &us) == 0, durations[i].us != 0);
		assert_int_equal(us, durations[i].us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_table),
		cmocka_unit_test(both_ends_say_how_they_send),
		cmocka_unit_test(a_whole_server_file_is_read),
		cmocka_unit_test(uplinks_are_names_or_tables),
		cmocka_unit_test(uplinks_have_rates_and_quotas),
		cmocka_unit_test(policies_are_tables),
		cmocka_unit_test(bad_policies_name_the_line_of_their_key),
		cmocka_unit_test(bad_files_name_line_key_and_what_was_expected),
		cmocka_unit_test(what_is_no_toml_is_refused_with_its_line),
		cmocka_unit_test(an_empty_section_is_fine_if_it_is_known),
		cmocka_unit_test(printed_files_can_be_read),
		cmocka_unit_test(flags_are_read_in_all_their_forms),
		cmocka_unit_test(flags_win_over_files_whichever_comes_first),
		cmocka_unit_test(without_a_word_all_traffic_and_names_go_through),
		cmocka_unit_test(a_file_with_a_key_must_be_private),
		cmocka_unit_test(distances_are_right),
		cmocka_unit_test(durations_have_one_number_and_one_unit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
