// SPDX-License-Identifier: MIT
/* hook.c - XDP and TC programs on a veth: attached, run by a frame, counted
 *
 *   packet socket on far ---- frame ----> near [XDP]        packet socket on far <---- near [TC egress]
 */
#include "probe.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

/* enum bpf_attach_type, since Linux 6.6; older headers lack it. */
#define TCX_EGRESS 47

static void only_this(struct bpf_object *object, const char *wanted)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), wanted));
}

struct bpf_object *load(const char *program, int *fd)
{
	struct bpf_object *object = bpf_object__open_file(object_path(), NULL);
	int err;

	if (!object) {
		no(-errno, "%s", object_path());
		return NULL;
	}
	only_this(object, program);
	err = bpf_object__load(object);
	if (err) {
		no(err, "program %s refused", program);
		bpf_object__close(object);
		return NULL;
	}
	*fd = bpf_program__fd(bpf_object__find_program_by_name(object, program));
	return object;
}

unsigned long long runs_of(struct bpf_object *object, unsigned int which)
{
	unsigned long long runs = 0;

	bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, "probe_runs"), &which, &runs);
	return runs;
}

/* A frame from one end arrives at the other, and the program has counted it. */
static int frame_is_counted(struct bpf_object *object, int from, int to, const char *what)
{
	int sender = frame_socket(from), receiver = frame_socket(to);
	int err = 0;

	if (sender < 0 || receiver < 0)
		err = no(sender < 0 ? sender : receiver, "no packet socket");
	else if (frame_send(sender, 7) < 0 || !frame_comes(receiver, 7))
		err = no(0, "%s: the frame does not arrive", what);
	else if (runs_of(object, 0) == 0)
		err = no(0, "%s: the frame passed by the program", what);
	close(sender);
	close(receiver);
	return err;
}

static int probe_xdp(__u32 flags, const char *what)
{
	struct bpf_object *object;
	struct pair pair;
	int fd, err;

	if (pair_make(&pair))
		return 1;
	object = load("count_first", &fd);
	if (!object)
		return 1;
	err = bpf_xdp_attach(pair.near, fd, flags, NULL);
	if (err)
		err = no(err, "%s: no attach", what);
	else
		err = frame_is_counted(object, pair.far, pair.near, what);
	bpf_object__close(object);
	return err;
}

int probe_xdp_native(void)
{
	return probe_xdp(XDP_FLAGS_DRV_MODE, "native XDP");
}

int probe_xdp_generic(void)
{
	return probe_xdp(XDP_FLAGS_SKB_MODE, "generic XDP");
}

static int attach_clsact(int ifindex, int fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd);
	int err = bpf_tc_hook_create(&hook);

	return err ? err : bpf_tc_attach(&hook, &opts);
}

static int attach_tcx(int ifindex, int fd)
{
	int link = bpf_link_create(fd, ifindex, (enum bpf_attach_type)TCX_EGRESS, NULL);

	return link < 0 ? link : 0;	/* held until the process ends */
}

static int probe_tc(int (*attach)(int ifindex, int fd), const char *what)
{
	struct bpf_object *object;
	struct pair pair;
	int fd, err;

	if (pair_make(&pair))
		return 1;
	object = load("count_tc", &fd);
	if (!object)
		return 1;
	err = attach(pair.near, fd);
	if (err)
		err = no(err, "%s: no attach", what);
	else
		err = frame_is_counted(object, pair.near, pair.far, what);
	bpf_object__close(object);
	return err;
}

int probe_clsact(void)
{
	return probe_tc(attach_clsact, "clsact");
}

int probe_tcx(void)
{
	return probe_tc(attach_tcx, "TCX");
}
