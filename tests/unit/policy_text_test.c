// SPDX-License-Identifier: MIT
/* policy_text_test.c - which packets a policy is about, as people write it */
#include "unit/unit.h"

#include <errno.h>

#include <triglav/maps.h>

#include "manage/policy_text.h"

static const struct {
	u32 kind;
	const char *text;
	s64 value;	/* -1: refused */
} facts[] = {
	{ TG_POLICY_DSCP, "0", 0 }, { TG_POLICY_DSCP, "63", 63 }, { TG_POLICY_DSCP, "64", -1 }, { TG_POLICY_DSCP, "-1", -1 },
	{ TG_POLICY_DSCP, "ef", 46 }, { TG_POLICY_DSCP, "cs0", 0 }, { TG_POLICY_DSCP, "cs7", 56 }, { TG_POLICY_DSCP, "cs8", -1 },
	{ TG_POLICY_DSCP, "af11", 10 }, { TG_POLICY_DSCP, "af23", 22 }, { TG_POLICY_DSCP, "af41", 34 }, { TG_POLICY_DSCP, "af43", 38 },
	{ TG_POLICY_DSCP, "af10", -1 }, { TG_POLICY_DSCP, "af14", -1 }, { TG_POLICY_DSCP, "af01", -1 }, { TG_POLICY_DSCP, "af51", -1 },
	{ TG_POLICY_DSCP, "af", -1 }, { TG_POLICY_DSCP, "af1", -1 }, { TG_POLICY_DSCP, "af0x15", -1 }, { TG_POLICY_DSCP, "", -1 },
	{ TG_POLICY_PORT, "443", 443 }, { TG_POLICY_PORT, "tcp/443", 6 << 16 | 443 }, { TG_POLICY_PORT, "udp/53", 17 << 16 | 53 },
	{ TG_POLICY_PORT, "0", -1 }, { TG_POLICY_PORT, "65536", -1 }, { TG_POLICY_PORT, "sctp/7", -1 }, { TG_POLICY_PORT, "http", -1 },
	{ TG_POLICY_MARK, "7", 7 }, { TG_POLICY_MARK, "0x7", 7 }, { TG_POLICY_MARK, "0", -1 }, { TG_POLICY_MARK, "0x100000000", -1 },
};

static void packets_are_read_as_they_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct policy p = { 0 };
		int err = policy_parse_packets(&p, facts[i].kind, facts[i].text);

		if (err != (facts[i].value < 0 ? -EINVAL : 0) || (!err && (p.value != (u64)facts[i].value || p.kind != facts[i].kind)))
			fail_msg("%s \"%s\": %d, %llu", policy_kind_name(facts[i].kind), facts[i].text, err, (unsigned long long)p.value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_read_as_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
