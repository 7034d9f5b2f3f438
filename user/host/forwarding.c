// SPDX-License-Identifier: MIT
/* forwarding.c - turn the host into a router, and know all that comes with it
 *
 * Writing the global switch also writes every interface's own one and, for IPv4, whether redirects are accepted. What differs
 * from the global value before is noted first, so that it comes back after the switch has gone back.
 */
#include "host/sysctl.h"

#include <dirent.h>

#include "host/inside.h"

typedef int conf_fn(struct host *h, const char *base, const char *interface);

/* Calls fn for each interface (and "default") below net/ipvN/conf, not for "all". */
static int each_interface(struct host *h, const char *base, conf_fn *fn)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/sys/%s", base);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "all"))
			err = fn(h, base, entry->d_name);
	closedir(dir);
	return err;
}

/* Called while the global switch is off: an interface that forwards already. */
static int note_exception(struct host *h, const char *base, const char *interface)
{
	char key[PATH_MAX], value[16];

	snprintf(key, sizeof(key), "%s/%s/forwarding", base, interface);
	if (sysctl_read(key, value, sizeof(value)) || !strcmp(value, "0"))
		return 0;
	return sysctl_remember(h, key, "1");
}

static int keep_router_advertisements(struct host *h, const char *base, const char *interface)
{
	char key[PATH_MAX], value[16];
	int err;

	snprintf(key, sizeof(key), "%s/%s/accept_ra", base, interface);
	if (!strcmp(interface, "lo") || sysctl_read(key, value, sizeof(value)) || strcmp(value, "1"))
		return 0;
	err = host_sysctl_set(h, key, "2");
	return err == -ENOENT ? 0 : err;	/* gone meanwhile */
}

static bool is_on(const char *key)
{
	char value[16];

	return !sysctl_read(key, value, sizeof(value)) && strcmp(value, "0");
}

static int forward4(struct host *h)
{
	int err = 0;

	if (!is_on("net/ipv4/ip_forward")) {
		err = sysctl_remember(h, "net/ipv4/conf/all/accept_redirects", "0");
		if (!err)
			err = each_interface(h, "net/ipv4/conf", note_exception);
	}
	return err ? err : host_sysctl_set(h, "net/ipv4/ip_forward", "1");
}

static int forward6(struct host *h)
{
	int err = each_interface(h, "net/ipv6/conf", keep_router_advertisements);

	if (!err && !is_on("net/ipv6/conf/all/forwarding"))
		err = each_interface(h, "net/ipv6/conf", note_exception);
	return err ? err : host_sysctl_set(h, "net/ipv6/conf/all/forwarding", "1");
}

static int explain(char *why, const char *key, int err)
{
	return host_fail(why, err, "cannot set /proc/sys/%s to 1: %s%s", key, strerror(-err),
			 err == -EROFS || err == -EACCES ? " (in a container, set it from outside)" : "");
}

int host_sysctl_forwarding(struct host *h, bool v4, bool v6, char *why)
{
	int err = v4 ? forward4(h) : 0;

	if (err)
		return explain(why, "net/ipv4/ip_forward", err);
	err = v6 ? forward6(h) : 0;
	return err ? explain(why, "net/ipv6/conf/all/forwarding", err) : 0;
}
