// SPDX-License-Identifier: MIT
/* lanes_test.c - the programs of the tunnel device come and go: what is left of them, and of what others have there */
#include "unit/unit.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/datapath.h"
#include "run/device.h"
#include "run/lanes.h"

static struct datapath *d;
static char why[DATAPATH_WHY_BYTES];

static void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static bool succeeds(const char *command)
{
	return !system(command);
}

static void load(void)
{
	assert_int_equal(datapath_load(&d, &(struct datapath_settings){ 0 }, why), 0);
	assert_int_equal(datapath_load_lanes(d, why), 0);
}

#define HAS_CLSACT "tc qdisc show dev t0 | grep -q clsact"
#define HAS_OTHER "tc filter show dev t0 ingress | grep -q u32"

/* clsact was ours, and with it went what somebody had put there later. */
static void filters_of_others_stay(void **state)
{
	(void)state;
	load();
	run("ip link add t0 type veth peer name t0p");
	assert_int_equal(datapath_attach_tunnel(d, if_nametoindex("t0"), why), 0);
	run("tc filter add dev t0 ingress prio 5 protocol ip u32 match u32 0 0");
	datapath_detach_tunnel(d);
	assert_true(succeeds(HAS_OTHER));
	assert_false(succeeds("tc filter show dev t0 egress | grep -q bpf"));

	run("tc filter del dev t0 ingress prio 5");
	run("tc qdisc del dev t0 clsact");
	assert_int_equal(datapath_attach_tunnel(d, if_nametoindex("t0"), why), 0);
	assert_true(succeeds(HAS_CLSACT));
	datapath_detach_tunnel(d);
	assert_false(succeeds(HAS_CLSACT));
	run("ip link del t0");
	datapath_close(d);
}

/* The interactive queues were closed then, and to attach the programs later sent packets to queues that were not there. */
static void a_start_that_failed_is_not_made_up_for_later(void **state)
{
	struct port *queues[TG_LANES];
	char error[RUN_ERROR_BYTES];

	(void)state;
	assert_int_equal(datapath_load(&d, &(struct datapath_settings){ 0 }, why), 0);
	assert_int_equal(lanes_open_tun(queues, 1, true, "t1", error), 0);
	assert_non_null(queues[TG_LANE_INTERACTIVE]);
	run("ip link del t1");
	lanes_start(d, queues, 1);
	assert_null(queues[TG_LANE_INTERACTIVE]);
	assert_int_equal(datapath_lane_program(d, DATAPATH_QUEUE), -ENOENT);	/* so lanes_switch() refuses */
	device_close(queues, 1);
	datapath_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_of_others_stay),
		cmocka_unit_test(a_start_that_failed_is_not_made_up_for_later),
	};
	int err;

	if (geteuid() || unshare(CLONE_NEWNET)) {
		printf("needs root\n");
		return 77;
	}
	err = datapath_load(&d, &(struct datapath_settings){ 0 }, why);
	datapath_close(d);
	if (err) {
		printf("%s\n", why);
		return err == -EPERM || err == -ENOSYS ? 77 : 1;
	}
	if (system("ip link add t0 type veth peer name t0p && tc qdisc add dev t0 clsact && ip link del t0")) {
		printf("no veth, or no clsact\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
