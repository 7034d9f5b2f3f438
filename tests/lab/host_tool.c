// SPDX-License-Identifier: MIT
/* host_tool.c - applies the functions of user/host one by one, for host_test.sh
 *
 *   host_tool NAME DIR STEP...
 *
 * opens instance NAME with its directories below DIR, does the steps in order and closes. A step that takes
 * a value is written STEP=VALUE. `kill` ends the process with SIGKILL; `hold` prints "holding" and waits for a line on
 * standard input. The tunnel device is TUN (default tg0).
 *
 * KILL_AFTER=N ends the process with SIGKILL just before its Nth message to the kernel or renaming of a file,
 * counted from the first step on; CALLS=1 prints how many there were.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/dns.h"
#include "host/hop.h"
#include "host/host.h"
#include "host/links.h"
#include "host/nic.h"
#include "host/nft.h"
#include "host/privileges.h"
#include "host/routes.h"
#include "host/sysctl.h"
#include "host/tundev.h"

static struct host *host;
static struct host_monitor *monitor;
static const char *tun = "tg0";
static char why[HOST_WHY_BYTES];
static bool keep;
static long calls, kill_after;

static void count_call(void)
{
	if (++calls == kill_after)
		kill(getpid(), SIGKILL);
}

/* Take the C library's place for the libraries too. */
ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	count_call();
	return syscall(SYS_sendmsg, fd, msg, flags);
}

int rename(const char *from, const char *to)
{
	count_call();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p = { 0 };

	if (*text && prefix_parse(&p, text)) {
		fprintf(stderr, "no prefix: %s\n", text);
		exit(2);
	}
	return p;
}

static struct addr addr_of(const char *text)
{
	struct addr a = { 0 };

	if (*text && addr_parse(&a, text, 1)) {
		fprintf(stderr, "no address: %s\n", text);
		exit(2);
	}
	a.port = 0;
	return a;
}

static int do_open(const char *name, const char *dir)
{
	char runtime[256], state[256];
	struct host_settings set = { .name = name, .runtime_dir = runtime, .state_dir = state };

	snprintf(runtime, sizeof(runtime), "%s/run", dir);
	snprintf(state, sizeof(state), "%s/state", dir);
	return host_open(&host, &set, why);
}

static int do_mark(const char *value)
{
	(void)value;
	printf("mark %#x table %u\n", host_mark(host), host_table(host));
	return 0;
}

static int do_tun(const char *value)
{
	struct host_tun set = { .name = tun, .mtu_bytes = 1420 };
	char both[128], *second;

	snprintf(both, sizeof(both), "%s", value);
	second = strchr(both, ',');
	if (second)
		*second++ = '\0';
	set.addr4 = prefix_of(both);
	set.addr6 = prefix_of(second ? second : "");
	return host_tun_configure(&set, NULL, why);
}

static int do_full(const char *value)
{
	return host_routes_full_tunnel(host, if_nametoindex(tun), strchr(value, '4'), strchr(value, '6'));
}

static int do_route(const char *value)
{
	struct prefix p = prefix_of(value);

	return host_routes_add(host, if_nametoindex(tun), &p);
}

static int do_exclude(const char *value)
{
	struct prefix p = prefix_of(value);

	return host_routes_exclude(host, &p);
}

static int do_uplink(const char *value)
{
	struct host_uplink u;
	int err = host_uplink_by_name(value, &u, why);

	return err ? err : host_routes_set_uplink(host, &u);
}

static int do_no_uplink(const char *value)
{
	return host_routes_remove_uplink(host, if_nametoindex(value));
}

static void print_uplink(const struct host_uplink *u)
{
	char a4[ADDR_TEXT_BYTES], a6[ADDR_TEXT_BYTES], g4[ADDR_TEXT_BYTES], g6[ADDR_TEXT_BYTES];

	printf("%s %s%s %s via %s%s, %s via %s%s, mtu %u, %s\n", u->name, u->usable ? "usable" : "not usable",
	       u->up ? "" : " (down)", prefix_format(&u->addr4, a4), addr_format(&u->gateway4, g4), u->has_default4 ? "" : " (no default)",
	       prefix_format(&u->addr6, a6), addr_format(&u->gateway6, g6), u->has_default6 ? "" : " (no default)", u->mtu,
	       host_kind_name(u->kind));
}

static int do_list(const char *value)
{
	struct host_uplink list[16];
	int n = host_uplinks_list(list, 16);

	(void)value;
	for (int i = 0; i < n; i++)
		print_uplink(&list[i]);
	return n < 0 ? n : 0;
}

static int do_named(const char *value)
{
	struct host_uplink u;
	int err = host_uplink_by_name(value, &u, why);

	if (err)
		return err;
	print_uplink(&u);
	if (*why)
		printf("note: %s\n", why);
	return 0;
}

static int do_overlap(const char *value)
{
	struct prefix p = prefix_of(value);

	printf("%s\n", host_overlap(&p, tun, why) ? why : "no overlap");
	return 0;
}

static int do_server(const char *value)
{
	struct prefix allow = prefix_of(value);
	struct host_nft_server set = {
		.tun = tun,
		.pool4 = prefix_of("10.0.85.0/24"),
		.pool6 = prefix_of("fd85::/64"),
		.inner4 = addr_of("10.0.85.1"),
		.inner6 = addr_of("fd85::1"),
		.masquerade4 = true,
		.masquerade6 = true,
		.allow = &allow,
		.allow_count = allow.family != 0,
	};

	return host_nft_server(host, &set, why);
}

static int do_client(const char *value)
{
	struct host_nft_client set = { .tun = tun, .inner4 = addr_of("10.0.85.2"), .inner6 = addr_of("fd85::2") };

	(void)value;
	return host_nft_client(host, &set, why);
}

static int do_kill_switch(const char *value)
{
	struct prefix allow = prefix_of(value);
	struct host_nft_kill_switch set = { .tun = tun, .allow = &allow, .allow_count = allow.family != 0, .block_dns = true };

	return host_nft_kill_switch(host, &set, why);
}

static int do_keep(const char *value)
{
	(void)value;
	keep = true;
	return 0;
}

static int do_drops(const char *value)
{
	struct host_nft_drops d;
	int err = host_nft_drops(host, &d);

	(void)value;
	printf("source %llu client_to_client %llu private_destination %llu to_host %llu inbound %llu\n",
	       (unsigned long long)d.source, (unsigned long long)d.client_to_client,
	       (unsigned long long)d.private_destination, (unsigned long long)d.to_host, (unsigned long long)d.inbound);
	return err;
}

static int do_forward(const char *value)
{
	return host_sysctl_forwarding(host, strchr(value, '4'), strchr(value, '6'), why);
}

static int do_sysctl(const char *value)
{
	char key[256], *equals;

	snprintf(key, sizeof(key), "%s", value);
	equals = strchr(key, '=');
	if (!equals)
		return -EINVAL;
	*equals++ = '\0';
	return host_sysctl_set(host, key, equals);
}

static int do_dns(const char *value)
{
	struct addr servers[] = { addr_of("10.0.85.1"), addr_of("fd85::1") };
	struct host_dns set = { .tun = tun, .tun_ifindex = if_nametoindex(tun), .servers = servers, .server_count = 2,
				.no_resolved = !getenv("BUS"), .bus_address = getenv("BUS"), .resolv_conf = value };

	return host_dns_set(host, &set, why);
}

static int do_dns_restore(const char *value)
{
	int err = host_dns_restore(host);

	(void)value;
	if (err == -ESTALE)
		printf("resolv.conf was changed by somebody else\n");
	return err == -ESTALE ? 0 : err;
}

static int do_sweep(const char *value)
{
	(void)value;
	return host_sweep(host, keep);
}

static int do_need(const char *value)
{
	int err = host_check_privileges((u32)atoi(value), why);

	printf("%s\n", err ? why : "all there");
	return 0;
}

static void on_event(void *ctx, const struct host_event *e)
{
	static const char *const names[] = {
		[HOST_LINK_ADDED] = "added", [HOST_LINK_REMOVED] = "removed", [HOST_LINK_RENAMED] = "renamed",
		[HOST_LINK_UP] = "up", [HOST_LINK_DOWN] = "down", [HOST_LINK_CHANGED] = "changed",
		[HOST_ADDRESS] = "address", [HOST_DEFAULT_ROUTE] = "default", [HOST_RESYNC] = "resync",
	};

	(void)ctx;
	if (e->kind == HOST_NEIGHBOUR)	/* `hop` shows what they are good for */
		return;
	printf("event %s %s\n", names[e->kind], e->name);
	fflush(stdout);
}

static const char *mac_text(const u8 *mac, char out[18])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return out;
}

/* hop=INTERFACE,LOCAL,REMOTE: prints the next hop and the link addresses; hop-use has the kernel look for it. */
static int find_hop(const char *value, struct host_hop *hop)
{
	char device[IFNAMSIZ], local[ADDR_TEXT_BYTES], remote[ADDR_TEXT_BYTES];
	struct addr from, to;

	if (sscanf(value, "%15[^,],%63[^,],%63s", device, local, remote) != 3 || addr_parse(&from, local, 1) || addr_parse(&to, remote, 1))
		return -EINVAL;
	return host_hop_find(if_nametoindex(device), host_mark(host), &from, &to, hop);
}

static int do_hop(const char *value)
{
	char next[ADDR_TEXT_BYTES], own[18], mac[18];
	struct host_hop hop;
	int err = find_hop(value, &hop);

	if (!err)
		printf("hop %s from %s to %s\n", addr_format(&hop.next, next), mac_text(hop.own, own), hop.known ? mac_text(hop.mac, mac) : "unknown");
	return err;
}

static int do_hop_use(const char *value)
{
	struct host_hop hop;
	int err = find_hop(value, &hop);

	return err ? err : host_hop_use(&hop);
}

static int do_nic(const char *value)
{
	static const char *const answers[] = { [HOST_NIC_NO] = "no", [HOST_NIC_YES] = "yes", [HOST_NIC_UNKNOWN] = "unknown" };
	int queues = host_nic_queues(value);

	if (queues < 0)
		return queues;
	printf("nic %d queues zero-copy %s\n", queues, answers[host_nic_zero_copy(if_nametoindex(value))]);
	return 0;
}

/* Prints events until a line comes on standard input. */
static int do_watch(const char *value)
{
	struct pollfd fds[2] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN } };
	int err = host_monitor_new(&monitor, on_event, NULL);

	(void)value;
	if (err)
		return err;
	printf("watching\n");
	fflush(stdout);
	fds[1].fd = host_monitor_fd(monitor);
	while (!err && poll(fds, 2, -1) > 0 && !fds[0].revents)
		err = host_monitor_read(monitor);
	if (!err)
		err = host_monitor_read(monitor);
	host_monitor_free(monitor);
	return err;
}

static int do_hold(const char *value)
{
	(void)value;
	printf("holding\n");
	fflush(stdout);
	getchar();
	return 0;
}

static int do_kill(const char *value)
{
	(void)value;
	fflush(stdout);
	return kill(getpid(), SIGKILL);
}

static const struct {
	const char *name;
	int (*run)(const char *value);
} steps[] = {
	{ "mark", do_mark }, { "tun", do_tun }, { "full", do_full }, { "route", do_route }, { "exclude", do_exclude },
	{ "uplink", do_uplink }, { "no-uplink", do_no_uplink }, { "list", do_list }, { "named", do_named },
	{ "overlap", do_overlap }, { "server", do_server }, { "client", do_client }, { "kill-switch", do_kill_switch },
	{ "keep", do_keep }, { "drops", do_drops }, { "forward", do_forward }, { "sysctl", do_sysctl }, { "dns", do_dns },
	{ "dns-restore", do_dns_restore }, { "sweep", do_sweep }, { "need", do_need }, { "watch", do_watch },
	{ "hop", do_hop }, { "hop-use", do_hop_use }, { "nic", do_nic }, { "hold", do_hold }, { "kill", do_kill },
};

static int run_step(const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);

	why[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (strlen(steps[i].name) == len && !strncmp(steps[i].name, text, len))
			return steps[i].run(equals ? equals + 1 : "");
	fprintf(stderr, "no such step: %s\n", text);
	exit(2);
}

int main(int argc, char **argv)
{
	int err;

	if (argc < 3)
		return 2;
	if (getenv("TUN"))
		tun = getenv("TUN");
	err = do_open(argv[1], argv[2]);
	if (err) {
		fprintf(stderr, "open: %s (%s)\n", strerror(-err), why);
		return 1;
	}
	calls = 0;
	kill_after = getenv("KILL_AFTER") ? atol(getenv("KILL_AFTER")) : 0;
	for (int i = 3; i < argc && !err; i++) {
		err = run_step(argv[i]);
		if (err)
			fprintf(stderr, "%s: %s (%s)\n", argv[i], strerror(-err), why);
	}
	if (getenv("CALLS"))
		printf("%ld\n", calls);
	host_close(host, keep);
	return err ? 1 : 0;
}
