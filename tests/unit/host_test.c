// SPDX-License-Identifier: MIT
/* host_test.c - what user/host decides without asking the kernel */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "host/host.h"
#include "host/kind.h"
#include "host/links.h"
#include "host/nft.h"
#include "host/routes.h"

/* Routes and excludes, and for each server address the route that would swallow it. */
static const char *const routes[] = { "198.51.100.0/24", "10.0.0.0/8", "2001:db8::/32", "10.7.7.0/24" };
static const char *const excludes[] = { "198.51.100.9", "10.7.0.0/16", "2001:db8:1::/48", "10.0.0.0/8" };
static const struct {
	const char *server;
	const char *which;	/* NULL: no loop */
} servers[] = {
	{ "198.51.100.1", "198.51.100.0/24" },
	{ "198.51.100.9", NULL },
	{ "203.0.113.1", NULL },
	{ "10.1.1.1", NULL },		/* route and exclude of one length: the exclude wins */
	{ "10.7.1.1", NULL },
	{ "10.7.7.1", "10.7.7.0/24" },
	{ "2001:db8:2::1", "2001:db8::/32" },
	{ "2001:db8:1::1", NULL },
	{ "2001:db9::1", NULL },
};

static void servers_inside_routes_are_found(void **state)
{
	struct prefix in[ARRAY_SIZE(routes)], out[ARRAY_SIZE(excludes)], which;
	char text[ADDR_TEXT_BYTES];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		assert_int_equal(prefix_parse(&in[i], routes[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(excludes); i++)
		assert_int_equal(prefix_parse(&out[i], excludes[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		bool loop;

		assert_int_equal(addr_parse(&a, servers[i].server, 7443), 0);
		loop = host_routes_would_loop(&a, in, ARRAY_SIZE(in), out, ARRAY_SIZE(out), &which);
		assert_int_equal(loop, servers[i].which != NULL);
		if (loop)
			assert_string_equal(prefix_format(&which, text), servers[i].which);
	}
	assert_false(host_routes_would_loop(&a, NULL, 0, NULL, 0, NULL));
}

/* A made-up /sys/class/net: what lies in an interface's folder. */
static const struct {
	const char *name, *folder, *uevent, *driver;
	bool ethernet;
	enum tg_link_kind kind;
} interfaces[] = {
	{ "wlan0", "phy80211", NULL, "iwlwifi", true, TG_LINK_WIRELESS },
	{ "eth7", "wireless", NULL, NULL, true, TG_LINK_WIRELESS },	/* the name says nothing */
	{ "wlx0", NULL, "INTERFACE=wlx0\nDEVTYPE=wlan\n", NULL, true, TG_LINK_WIRELESS },
	{ "wwan0", NULL, "DEVTYPE=wwan\nIFINDEX=4\n", "iosm", false, TG_LINK_CELLULAR },
	{ "eth1", NULL, NULL, "cdc_mbim", true, TG_LINK_CELLULAR },
	{ "eth2", NULL, NULL, "qmi_wwan", true, TG_LINK_CELLULAR },
	{ "usb0", NULL, NULL, "rndis_host", true, TG_LINK_USB },
	{ "enx0", NULL, NULL, "ipheth", true, TG_LINK_USB },
	{ "wlan9", NULL, "INTERFACE=wlan9\n", "e1000e", true, TG_LINK_ETHERNET },
	{ "veth0", NULL, NULL, NULL, true, TG_LINK_ETHERNET },
	{ "ppp0", NULL, "DEVTYPE=ppp\n", NULL, false, TG_LINK_UNKNOWN },
};

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_interface(const char *root, size_t i)
{
	char path[512], target[256];

	snprintf(path, sizeof(path), "%s/%s", root, interfaces[i].name);
	assert_int_equal(mkdir(path, 0755), 0);
	if (interfaces[i].folder) {
		snprintf(path, sizeof(path), "%s/%s/%s", root, interfaces[i].name, interfaces[i].folder);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	if (interfaces[i].uevent) {
		snprintf(path, sizeof(path), "%s/%s/uevent", root, interfaces[i].name);
		put_file(path, interfaces[i].uevent);
	}
	if (interfaces[i].driver) {
		snprintf(path, sizeof(path), "%s/%s/device", root, interfaces[i].name);
		assert_int_equal(mkdir(path, 0755), 0);
		snprintf(path, sizeof(path), "%s/%s/device/driver", root, interfaces[i].name);
		snprintf(target, sizeof(target), "../../../bus/usb/drivers/%s", interfaces[i].driver);
		assert_int_equal(symlink(target, path), 0);
	}
}

static void sysfs_tells_the_kind(void **state)
{
	char root[] = "/tmp/triglav-sysfs.XXXXXX", command[128];

	(void)state;
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
		make_interface(root, i);
		assert_string_equal(host_kind_name(kind_from_sysfs(root, interfaces[i].name, interfaces[i].ethernet)),
				    host_kind_name(interfaces[i].kind));
	}
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void uplinks_differ_by_what_moves_packets(void **state)
{
	struct host_uplink a = { .name = "eth0", .ifindex = 2, .up = true }, b = a;

	(void)state;
	assert_true(host_uplink_equal(&a, &b));
	b.kind = TG_LINK_CELLULAR;
	assert_true(host_uplink_equal(&a, &b));
	assert_int_equal(prefix_parse(&b.addr4, "10.0.0.2/24"), 0);
	assert_false(host_uplink_equal(&a, &b));
	b = a;
	b.has_default6 = true;
	assert_false(host_uplink_equal(&a, &b));
	b = a;
	strcpy(b.name, "eth1");
	assert_false(host_uplink_equal(&a, &b));
}

/* Both sides of each edge, and what lies in between. */
static const struct {
	const char *address;
	bool is_private;
} destinations[] = {
	{ "0.0.0.0", true }, { "0.255.255.255", true }, { "1.0.0.0", false }, { "9.255.255.255", false }, { "10.0.0.0", true },
	{ "10.255.255.255", true }, { "11.0.0.0", false }, { "100.63.255.255", false }, { "100.64.0.0", true }, { "100.127.255.255", true },
	{ "100.128.0.0", false }, { "126.255.255.255", false }, { "127.0.0.1", true }, { "128.0.0.0", false }, { "168.63.129.15", false },
	{ "168.63.129.16", true }, { "168.63.129.17", false }, { "169.253.255.255", false }, { "169.254.169.254", true }, { "169.255.0.0", false },
	{ "172.15.255.255", false }, { "172.16.0.0", true }, { "172.31.255.255", true }, { "172.32.0.0", false }, { "191.255.255.255", false },
	{ "192.0.0.0", true }, { "192.0.0.255", true }, { "192.0.1.0", false }, { "192.167.255.255", false }, { "192.168.0.0", true },
	{ "192.168.255.255", true }, { "192.169.0.0", false }, { "198.51.100.2", false }, { "223.255.255.255", false }, { "224.0.0.0", true },
	{ "240.0.0.1", true }, { "255.255.255.255", true },
	{ "::", true }, { "::1", true }, { "::2", false }, { "::fffe:ffff:ffff", false }, { "::ffff:0:0", true }, { "::ffff:198.51.100.2", true },
	{ "::1:0:0:0", false }, { "64:ff9b::a00:1", false }, { "64:ff9b:0:ffff::", false }, { "64:ff9b:1::", true }, { "64:ff9b:2::", false },
	{ "2001:db8::1", false }, { "fbff::1", false }, { "fc00::", true }, { "fdff:ffff::1", true }, { "fe00::", false }, { "fe7f:ffff::1", false },
	{ "fe80::", true }, { "fec0::1", true }, { "feff::1", true }, { "ff02::1", true },
};

static void private_destinations_end_where_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(destinations); i++) {
		struct addr a;

		assert_int_equal(addr_parse(&a, destinations[i].address, 7443), 0);
		if (host_nft_is_private(&a) != destinations[i].is_private)
			fail_msg("%s: it is %s", destinations[i].address, destinations[i].is_private ? "private" : "not private");
	}
}

static void bad_instance_names_are_refused(void **state)
{
	static const char *const bad[] = { "", ".", "../x", "a/b", "a b", "a\"b", "thirty-three-letters-are-too-many" };
	char why[HOST_WHY_BYTES];
	struct host *h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct host_settings set = { .name = bad[i], .runtime_dir = "/nonexistent", .state_dir = "/nonexistent" };

		assert_int_equal(host_open(&h, &set, why), -EINVAL);
		assert_non_null(strstr(why, "instance name"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_inside_routes_are_found),
		cmocka_unit_test(sysfs_tells_the_kind),
		cmocka_unit_test(uplinks_differ_by_what_moves_packets),
		cmocka_unit_test(private_destinations_end_where_they_should),
		cmocka_unit_test(bad_instance_names_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
