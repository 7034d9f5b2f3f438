// SPDX-License-Identifier: MIT
/* main.c - tells whether this kernel can do something, by doing it: probe NAME, probe --list
 *
 * Exit 0: it works. 1: it does not, and the last line printed is the reason. 2: no such probe.
 * The kernel's version is never looked at.
 */
#include "probe.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(void);
} probes[] = {
	{ "tun-tso", probe_tun_tso },
	{ "tun-uso", probe_tun_uso },
	{ "tun-steering", probe_tun_steering },
	{ "xdp-native", probe_xdp_native },
	{ "xdp-generic", probe_xdp_generic },
	{ "xsk-copy", probe_xsk_copy },
	{ "xsk-generic", probe_xsk_generic },
	{ "xsk-zero-copy", probe_xsk_zero_copy },
	{ "dispatcher", probe_dispatcher },
	{ "clsact", probe_clsact },
	{ "tcx", probe_tcx },
};

#define PROBES (sizeof(probes) / sizeof(probes[0]))

int no(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (err)
		printf(": %s", strerror(-err));
	printf("\n");
	fflush(stdout);
	return 1;
}

const char *object_path(void)
{
	static char path[PATH_MAX + 16];
	char program[PATH_MAX] = "";

	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		return "probe.bpf.o";
	snprintf(path, sizeof(path), "%s/probe.bpf.o", dirname(program));
	return path;
}

int shell(const char *command)
{
	char quiet[512];

	snprintf(quiet, sizeof(quiet), "%s > /dev/null 2>&1", command);
	return system(quiet);
}

static int quiet_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vprintf(format, args) : 0;
}

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";

	libbpf_set_print(quiet_libbpf);
	for (size_t i = 0; i < PROBES; i++) {
		if (!strcmp(name, "--list"))
			puts(probes[i].name);
		else if (!strcmp(name, probes[i].name))
			return probes[i].run();
	}
	if (!strcmp(name, "--list"))
		return 0;
	fprintf(stderr, "usage: probe NAME | --list\n");
	return 2;
}
