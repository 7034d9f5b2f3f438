// SPDX-License-Identifier: MIT
/* policy_test.c - the daemon's list of policies, and what the classifier's map has of it */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <triglav/flow.h>

#include "base/log.h"
#include "run/policy.h"

#define PORT 443u

static struct policies policies;

static struct policy of_port(u32 protocol, u8 class)
{
	return (struct policy){ .kind = TG_POLICY_PORT, .value = protocol << 16 | PORT, .class = class };
}

/* -1: the map has none. */
static int class_of(u32 protocol)
{
	struct tg_policy_key keys[8];
	struct tg_policy found[8];
	u32 n = datapath_policies(policies.datapath, keys, found, ARRAY_SIZE(keys));

	for (u32 i = 0; i < n; i++)
		if (keys[i].kind == TG_POLICY_PORT && keys[i].value == (protocol << 16 | PORT))
			return found[i].class;
	return -1;
}

static void expect(int tcp, int udp)
{
	assert_int_equal(class_of(TG_PROTO_TCP), tcp);
	assert_int_equal(class_of(TG_PROTO_UDP), udp);
}

/* In either order, and when what lies between is removed or paths changed: it depended on all of that. */
static void a_port_of_one_protocol_counts_before_that_of_both(void **state)
{
	struct policy both = of_port(0, TG_CLASS_BULK), tcp = of_port(TG_PROTO_TCP, TG_CLASS_REALTIME);
	struct policy other = { .kind = TG_POLICY_DSCP, .value = 46, .class = TG_CLASS_REALTIME };
	char error[RUN_ERROR_BYTES];

	(void)state;
	for (u32 order = 0; order < 2; order++) {
		assert_int_equal(policies_add(&policies, &other, error), 0);
		assert_int_equal(policies_add(&policies, order ? &both : &tcp, error), 0);
		assert_int_equal(policies_add(&policies, order ? &tcp : &both, error), 0);
		expect(TG_CLASS_REALTIME, TG_CLASS_BULK);
		assert_int_equal(policies_remove(&policies, &other, error), 0);	/* the last takes its place in the list */
		expect(TG_CLASS_REALTIME, TG_CLASS_BULK);
		assert_int_equal(policies_add(&policies, &both, error), 0);	/* said again */
		policies_refresh(&policies);
		expect(TG_CLASS_REALTIME, TG_CLASS_BULK);
		assert_int_equal(policies_remove(&policies, &tcp, error), 0);
		expect(TG_CLASS_BULK, TG_CLASS_BULK);
		assert_int_equal(policies_add(&policies, &tcp, error), 0);
		assert_int_equal(policies_remove(&policies, &both, error), 0);
		expect(TG_CLASS_REALTIME, -1);
		assert_int_equal(policies_remove(&policies, &tcp, error), 0);
		expect(-1, -1);
		assert_int_equal(policies.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_port_of_one_protocol_counts_before_that_of_both) };
	char why[DATAPATH_WHY_BYTES] = "needs root";
	int err = geteuid() ? -EPERM : datapath_load(&policies.datapath, &(struct datapath_settings){ .hash_key = 7 }, why);

	log_set_level(LOG_LEVEL_WARN);
	if (!err)
		err = datapath_load_lanes(policies.datapath, why);
	if (err) {
		printf("%s\n", why);
		datapath_close(policies.datapath);
		return err == -EPERM || err == -EACCES || err == -ENOSYS ? 77 : 1;
	}
	err = cmocka_run_group_tests(tests, NULL, NULL);
	datapath_close(policies.datapath);
	return err;
}
