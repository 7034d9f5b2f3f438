// SPDX-License-Identifier: MIT
/* dispatcher.c - libxdp puts two programs behind its dispatcher on one device, and both run */
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <unistd.h>
#include <xdp/libxdp.h>

static unsigned long long program_runs(struct xdp_program *program, unsigned int which)
{
	return runs_of(xdp_program__bpf_obj(program), which);
}

static int both_run(struct xdp_program **programs, const struct pair *pair)
{
	int sender = frame_socket(pair->far), receiver = frame_socket(pair->near);

	if (sender < 0 || receiver < 0)
		return no(sender < 0 ? sender : receiver, "no packet socket");
	if (frame_send(sender, 7) < 0 || !frame_comes(receiver, 7))
		return no(0, "the frame does not arrive");
	if (!program_runs(programs[0], 0) || !program_runs(programs[1], 1))
		return no(0, "the frame passed by one of the programs");
	return 0;
}

/* A single program would be attached without a dispatcher where that is refused; two cannot be. */
int probe_dispatcher(void)
{
	static const char *const names[] = { "count_first", "count_second" };
	struct xdp_program *programs[2];
	struct pair pair;
	int err;

	if (pair_make(&pair))
		return 1;
	for (int i = 0; i < 2; i++) {
		DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .open_filename = object_path(), .prog_name = names[i]);

		programs[i] = xdp_program__create(&opts);
		err = (int)libxdp_get_error(programs[i]);
		if (err)
			return no(err, "program %s", names[i]);
	}
	err = xdp_program__attach_multi(programs, 2, pair.near, XDP_MODE_NATIVE, 0);
	if (err)
		return no(err, "libxdp does not attach two programs");
	err = both_run(programs, &pair);
	xdp_program__detach_multi(programs, 2, pair.near, XDP_MODE_NATIVE, 0);
	return err;
}
