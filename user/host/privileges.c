// SPDX-License-Identifier: MIT
/* privileges.c - what this process lacks, in words */
#include "host/privileges.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/inside.h"

#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static const struct {
	u32 need;
	unsigned int capability, or_this;
	const char *name, *what_for;
} capabilities[] = {
	{ HOST_NEED_NET_ADMIN, CAP_NET_ADMIN, CAP_NET_ADMIN, "CAP_NET_ADMIN", "devices, routes and firewall" },
	{ HOST_NEED_NET_RAW, CAP_NET_RAW, CAP_NET_RAW, "CAP_NET_RAW", "AF_XDP sockets" },
	{ HOST_NEED_BPF, CAP_BPF, CAP_SYS_ADMIN, "CAP_BPF", "BPF programs" },
	{ HOST_NEED_IPC_LOCK, CAP_IPC_LOCK, CAP_IPC_LOCK, "CAP_IPC_LOCK", "keys that never reach the swap" },
};

static u64 effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (u64)data[1].effective << 32;
}

static int check_tun(char *why)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), err = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		return host_fail(why, err, "/dev/net/tun does not exist: run 'modprobe tun', or give the container the device");
	case -ENODEV:
		return host_fail(why, err, "the kernel has no TUN driver: run 'modprobe tun'");
	case -EACCES:
	case -EPERM:
		return host_fail(why, err, "/dev/net/tun may not be opened: run as root, or give the container the device");
	default:
		return host_fail(why, err, "/dev/net/tun: %s", strerror(-err));
	}
}

int host_check_privileges(u32 need, char *why)
{
	u64 have = effective_capabilities();

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		if (!(need & capabilities[i].need))
			continue;
		if (!(have >> capabilities[i].capability & 1) && !(have >> capabilities[i].or_this & 1))
			return host_fail(why, -EPERM, "%s is missing (%s): run with sudo", capabilities[i].name,
					 capabilities[i].what_for);
	}
	return need & HOST_NEED_TUN ? check_tun(why) : 0;
}
