// SPDX-License-Identifier: MIT
/* attach_test.c - the filter on real devices: veth natively and generically, VLAN, TUN; other people's programs; the end
 *
 *   AF_PACKET socket on "isp" --frames--> "wan" with the filter      (a veth pair in a network namespace of the test's own)
 */
#include "unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "bpf/frame.h"
#include "bpf/inside.h"

#include "pick.skel.h"
#include "refused.skel.h"

#define WAIT_US (30 * SEC)	/* the kernel frees when it gets round to it */
#define CYCLES 1000u
#define BURST 64u
#define INDEX 0x04000040u

static struct datapath *d;
static char why[DATAPATH_WHY_BYTES];

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char command[256];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

static u32 wan(void)
{
	return if_nametoindex("wan");
}

static int make_pair(void **state)
{
	(void)state;
	run("ip link add wan type veth peer name isp");
	run("ip link set wan up && ip link set isp up");
	return datapath_load(&d, &(struct datapath_settings){ .server = true }, why);
}

static int remove_pair(void **state)
{
	(void)state;
	datapath_close(d);
	d = NULL;
	if (wan())
		run("ip link del wan");
	return 0;
}

/* ---- traffic ---- */

/* The same frame `times` times by one system call. */
static void send_frames(const struct frame *f, const struct payload *p, u32 times)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("isp") };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct mmsghdr messages[BURST];
	u8 packet[FRAME_BYTES];
	struct iovec part = { packet, frame_write(packet, f, p) };

	assert_true(fd >= 0 && times <= BURST);
	for (u32 i = 0; i < times; i++)
		messages[i] = (struct mmsghdr){
			.msg_hdr = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &part, .msg_iovlen = 1 } };
	assert_int_equal(sendmmsg(fd, messages, times, 0), times);
	close(fd);	/* waits for the kernel's readers: milliseconds */
}

static void send_frame(const struct frame *f, const struct payload *p)
{
	send_frames(f, p, 1);
}

static u64 drops_of(enum tg_drop reason)
{
	struct datapath_counts c;

	assert_int_equal(datapath_read(d, &c), 0);
	return c.drops[reason];
}

static u64 passed(void)
{
	struct datapath_counts c;

	assert_int_equal(datapath_read(d, &c), 0);
	return c.counters.passed;
}

static void wait_for(u64 (*count)(void), u64 wanted, const char *what)
{
	for (u64 end = clock_now_us() + WAIT_US; count() != wanted; sched_yield())
		if (clock_now_us() > end)
			fail_msg("%s: %llu instead of %llu", what, (unsigned long long)count(), (unsigned long long)wanted);
}

static u64 no_session(void)
{
	return drops_of(TG_DROP_NO_SESSION);
}

static u64 copies(void)
{
	return drops_of(TG_DROP_COPY);
}

/* Known and unknown, with and without tags, both families: what the table says of them happens on a real device, too. */
static void device_filters(enum datapath_mode mode)
{
	static const struct payload known = { .type = TG_TYPE_DATA, .receiver = INDEX },
				    unknown = { .type = TG_TYPE_DATA, .receiver = INDEX + 64 },
				    copy = { .type = TG_TYPE_DATA, .flags = TG_FLAG_COPY, .receiver = INDEX, .copy_id = 5 };
	struct addr any4 = { .family = 4, .port = FRAME_PORT }, any6 = { .family = 6, .port = FRAME_PORT };
	enum datapath_mode got;
	struct tg_skips *skips;
	struct tg_seen *seen;
	u32 slot;

	assert_int_equal(datapath_put_end(d, wan(), &any4), -ENOENT);	/* not attached yet */
	assert_int_equal(datapath_attach(d, wan(), mode, &got, why), 0);
	assert_int_equal(got, mode);
	assert_int_equal(datapath_attached(d, wan()), mode);
	assert_int_equal(datapath_attach(d, wan(), mode, &got, why), -EALREADY);
	assert_int_equal(datapath_put_end(d, wan(), &any4), 0);
	assert_int_equal(datapath_put_end(d, wan(), &any6), 0);
	assert_true(datapath_take_seen(d, &slot, &seen, &skips));
	datapath_put_index(d, INDEX, slot, 0);
	datapath_beat(d, 0, clock_now_us() + 60 * SEC);

	send_frame(&(struct frame){ 0 }, &known);
	send_frame(&(struct frame){ .family = 6 }, &known);
	wait_for(passed, 2, "passed");
	send_frame(&(struct frame){ 0 }, &unknown);
	send_frame(&(struct frame){ .family = 6, .vlans = 1 }, &unknown);
	send_frame(&(struct frame){ .vlans = 2, .vlan_type = 0x88a8 }, &unknown);
	wait_for(no_session, 3, "no_session");
	tg_seen_mark(seen, 5);
	for (u64 end = clock_now_us() + WAIT_US; mode == DATAPATH_NATIVE && !copies(); sched_yield()) {
		send_frames(&(struct frame){ 0 }, &copy, BURST);	/* one that comes alone for a millisecond passes */
		assert_true(clock_now_us() < end);
	}
	if (mode == DATAPATH_GENERIC) {
		for (u32 i = 0; i < 5; i++)
			send_frame(&(struct frame){ 0 }, &copy);
		wait_for(passed, 7, "passed copies");
	}
	datapath_remove_index(d, INDEX);
	datapath_give_seen(d, slot);
	send_frame(&(struct frame){ 0 }, &known);
	wait_for(no_session, 4, "no_session after the index went");

	datapath_detach(d, wan());
	assert_int_equal(datapath_attached(d, wan()), DATAPATH_OFF);
	assert_int_equal(datapath_put_end(d, wan(), &any4), -ENOENT);
}

static void veth_native(void **state)
{
	(void)state;
	device_filters(DATAPATH_NATIVE);
}

static void veth_generic(void **state)
{
	(void)state;
	device_filters(DATAPATH_GENERIC);
}

static void a_vlan_device_has_it_generically(void **state)
{
	static const struct payload unknown = { .type = TG_TYPE_DATA, .receiver = INDEX };
	struct addr any = { .family = 4, .port = FRAME_PORT };
	u32 tagged;

	(void)state;
	if (system("ip link add link wan name wan.100 type vlan id 100 2> /dev/null")) {
		printf("no VLAN devices here\n");
		skip();
	}
	run("ip link set wan.100 up");
	tagged = if_nametoindex("wan.100");
	assert_int_equal(datapath_attach(d, tagged, DATAPATH_NATIVE, NULL, why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "native"));
	assert_int_equal(datapath_attach(d, tagged, DATAPATH_GENERIC, NULL, why), 0);
	assert_int_equal(datapath_put_end(d, tagged, &any), 0);
	datapath_beat(d, 0, clock_now_us() + 60 * SEC);
	send_frame(&(struct frame){ .vlans = 1 }, &unknown);
	wait_for(no_session, 1, "no_session");
}

/* No Ethernet there. */
static void a_tun_device_has_it(void **state)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "ip0" };
	struct addr any = { .family = 4, .port = FRAME_PORT };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	u8 packet[FRAME_BYTES];
	u32 bytes = frame_write(packet, &(struct frame){ .raw = true }, &(struct payload){ .type = TG_TYPE_DATA, .receiver = INDEX });
	u32 tun;

	(void)state;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr)) {
		printf("no TUN device here\n");
		skip();
	}
	run("ip link set ip0 up");
	tun = if_nametoindex("ip0");
	assert_int_equal(datapath_attach(d, tun, DATAPATH_GENERIC, NULL, why), 0);
	assert_int_equal(datapath_put_end(d, tun, &any), 0);
	datapath_beat(d, 0, clock_now_us() + 60 * SEC);
	assert_int_equal(write(fd, packet, bytes), bytes);
	wait_for(no_session, 1, "no_session");
	close(fd);
}

/* ---- what is refused ---- */

static u32 program_there(void)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	assert_int_equal(bpf_xdp_query((int)wan(), 0, &query), 0);
	return query.prog_id;
}

static void somebody_elses_program_stays(void **state)
{
	static const u32 flags[] = { XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE };
	static const enum datapath_mode modes[] = { DATAPATH_NATIVE, DATAPATH_GENERIC };
	struct pick_bpf *foreign = pick_bpf__open_and_load();

	(void)state;
	assert_non_null(foreign);
	for (u32 i = 0; i < 2; i++) {
		u32 id;

		assert_int_equal(bpf_xdp_attach((int)wan(), bpf_program__fd(foreign->progs.tg_pick), flags[i], NULL), 0);
		id = program_there();
		for (u32 k = 0; k < 2; k++) {
			assert_int_equal(datapath_attach(d, wan(), modes[k], NULL, why), -EBUSY);
			assert_non_null(strstr(why, "tg_pick"));
			assert_non_null(strstr(why, "wan "));
			assert_int_equal(program_there(), id);
		}
		assert_int_equal(bpf_xdp_detach((int)wan(), flags[i], NULL), 0);
	}
	assert_int_equal(datapath_attach(d, wan(), DATAPATH_NATIVE, NULL, why), 0);
	pick_bpf__destroy(foreign);
}

static void what_does_not_work_says_why(void **state)
{
	enum datapath_mode got = DATAPATH_NATIVE;

	(void)state;
	assert_int_equal(datapath_attach(d, wan(), DATAPATH_OFF, &got, why), 0);
	assert_int_equal(got, DATAPATH_OFF);
	assert_int_equal(datapath_attach(d, 999999, DATAPATH_NATIVE, NULL, why), -ENODEV);
	assert_non_null(strstr(why, "999999"));
	assert_int_equal(datapath_attach(d, 1, DATAPATH_NATIVE, NULL, why), -EOPNOTSUPP);	/* loopback */
	assert_non_null(strstr(why, "lo"));
	assert_int_equal(datapath_attach(d, wan(), DATAPATH_AUTO, NULL, why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "veth"));
}

static void a_device_that_comes_back_is_attached_anew(void **state)
{
	u32 before = wan();

	(void)state;
	assert_int_equal(datapath_attach(d, before, DATAPATH_NATIVE, NULL, why), 0);
	run("ip link del wan");
	assert_int_equal(datapath_attached(d, before), DATAPATH_OFF);
	run("ip link add wan index %u type veth peer name isp && ip link set wan up && ip link set isp up", before);
	assert_int_equal(wan(), before);
	assert_int_equal(datapath_attached(d, before), DATAPATH_OFF);
	assert_int_equal(datapath_attach(d, before, DATAPATH_NATIVE, NULL, why), 0);
	assert_int_equal(datapath_attached(d, before), DATAPATH_NATIVE);
}

/* ---- ends ---- */

static void a_killed_process_leaves_nothing_attached(void **state)
{
	int ready[2], status;
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		struct datapath *own;

		if (datapath_load(&own, &(struct datapath_settings){ 0 }, why) || datapath_attach(own, wan(), DATAPATH_NATIVE, NULL, why))
			_exit(1);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_not_equal(program_there(), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	for (u64 end = clock_now_us() + WAIT_US; program_there(); sched_yield())
		assert_true(clock_now_us() < end);
}

static u32 descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	u32 n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static u32 link_id(void)
{
	struct bpf_link_info info = { 0 };
	u32 bytes = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(d->attachments[0].link, &info, &bytes), 0);
	return info.id;
}

static u32 map_id(const char *name)
{
	struct bpf_map_info info = { 0 };
	u32 bytes = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(datapath_map(d, name), &info, &bytes), 0);
	return info.id;
}

/* The kernel frees a little later. */
static void is_gone(u32 id, int (*by_id)(u32 id), const char *what)
{
	for (u64 end = clock_now_us() + WAIT_US;; sched_yield()) {
		int fd = by_id(id);

		if (fd < 0)
			return;
		close(fd);
		if (clock_now_us() > end)
			fail_msg("%s %u is still there", what, id);
	}
}

static void thousand_cycles_leak_nothing(void **state)
{
	static u32 links[CYCLES];
	struct addr any = { .family = 4, .port = FRAME_PORT };
	u32 before = descriptors();

	(void)state;
	for (u32 i = 0; i < CYCLES; i++) {
		assert_int_equal(datapath_attach(d, wan(), i % 4 ? DATAPATH_GENERIC : DATAPATH_NATIVE, NULL, why), 0);
		assert_int_equal(datapath_put_end(d, wan(), &any), 0);
		links[i] = link_id();
		datapath_detach(d, wan());
	}
	assert_int_equal(descriptors(), before);
	for (u32 i = 0; i < CYCLES; i++)
		is_gone(links[i], bpf_link_get_fd_by_id, "link");
	assert_int_equal(program_there(), 0);
}

static void loading_and_closing_leaks_nothing(void **state)
{
	u32 before = descriptors(), index, seen;

	(void)state;
	for (u32 i = 0; i < 20; i++) {
		index = map_id("tg_index");
		seen = map_id("tg_seen");
		datapath_close(d);
		is_gone(index, bpf_map_get_fd_by_id, "map");
		is_gone(seen, bpf_map_get_fd_by_id, "map");
		assert_int_equal(datapath_load(&d, &(struct datapath_settings){ .server = i & 1 }, why), 0);
		assert_int_equal(descriptors(), before);
	}
}

/* ---- pins ---- */

static bool output_has(const char *command, const char *text)
{
	static char all[65536];
	FILE *f = popen(command, "r");
	size_t n = fread(all, 1, sizeof(all) - 1, f);

	all[n] = '\0';
	return !pclose(f) && strstr(all, text);
}

static void bpftool_prints_fields(void **state)
{
	static const struct { const char *map, *field; } facts[] = {
		{ "tg_settings", "\"handshakes_per_cpu\"" }, { "tg_drops", "\"NO_SESSION\"" }, { "tg_counters", "\"foreign\"" },
		{ "tg_index", "\"seen\"" }, { "tg_paths", "\"weight\"" },
	};
	char name[32], path[128], command[256];
	struct stat st;

	(void)state;
	snprintf(name, sizeof(name), "attach-test-%d", getpid());
	datapath_put_index(d, INDEX, TG_SEEN_NONE, 0);
	assert_int_equal(datapath_pin(d, "../x", why), -EINVAL);
	if (datapath_pin(d, name, why) == -ENOENT) {
		printf("%s\n", why);
		skip();
	}
	snprintf(path, sizeof(path), DATAPATH_PINS "/%s", name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin bpftool map dump pinned %s/%s", path, facts[i].map);
		assert_true(output_has(command, facts[i].field));
	}
	assert_int_equal(datapath_pin(d, name, why), 0);	/* in place of what a killed one left */
	datapath_unpin(name);
	assert_int_not_equal(stat(path, &st), 0);
	datapath_unpin(name);
}

/* It was taken for a missing capability: the daemon said so, and these tests were skipped instead of failing. */
static void what_the_verifier_refuses_is_told(void **state)
{
	struct refused_bpf *program;
	int err;

	(void)state;
	assert_int_equal(datapath_load(&d, &(struct datapath_settings){ 0 }, why), 0);	/* libbpf tells us from now on */
	program = refused_bpf__open();
	assert_non_null(program);
	err = refused_bpf__load(program);
	assert_int_equal(err, -EACCES);
	assert_int_equal(datapath_say(why, err, "a program"), err);
	if (!strstr(why, "outside of the packet"))
		fail_msg("%s", why);
	assert_null(strstr(why, "not permitted"));
	refused_bpf__destroy(program);
	datapath_close(d);
	d = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(veth_native, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(veth_generic, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(a_vlan_device_has_it_generically, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(a_tun_device_has_it, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(somebody_elses_program_stays, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(what_does_not_work_says_why, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(a_device_that_comes_back_is_attached_anew, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(a_killed_process_leaves_nothing_attached, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(thousand_cycles_leak_nothing, make_pair, remove_pair),
		cmocka_unit_test_setup_teardown(loading_and_closing_leaks_nothing, make_pair, remove_pair),
		cmocka_unit_test(what_the_verifier_refuses_is_told),
		cmocka_unit_test_setup_teardown(bpftool_prints_fields, make_pair, remove_pair),
	};
	int err;

	if (geteuid() || unshare(CLONE_NEWNET)) {
		printf("needs root\n");
		return 77;
	}
	err = datapath_load(&d, &(struct datapath_settings){ 0 }, why);
	datapath_close(d);
	d = NULL;
	if (err) {
		printf("%s\n", why);
		return err == -EPERM || err == -ENOSYS ? 77 : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
