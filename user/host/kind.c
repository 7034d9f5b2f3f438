// SPDX-License-Identifier: MIT
/* kind.c - wireless, cellular, USB tethering or ethernet: by what sysfs says of an interface */
#include "host/kind.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/links.h"

static const struct {
	const char *driver;
	enum tg_link_kind kind;
} drivers[] = {
	{ "qmi_wwan", TG_LINK_CELLULAR },
	{ "cdc_mbim", TG_LINK_CELLULAR },
	{ "huawei_cdc_ncm", TG_LINK_CELLULAR },
	{ "sierra_net", TG_LINK_CELLULAR },
	{ "hso", TG_LINK_CELLULAR },
	{ "cdc_ether", TG_LINK_CELLULAR },	/* LTE sticks; telephones that tether use the ones below */
	{ "rndis_host", TG_LINK_USB },
	{ "ipheth", TG_LINK_USB },
	{ "cdc_ncm", TG_LINK_USB },
	{ "cdc_eem", TG_LINK_USB },
	{ "cdc_subset", TG_LINK_USB },
};

static bool is_there(const char *root, const char *name, const char *what)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/%s", root, name, what);
	return !stat(path, &st);
}

/* DEVTYPE of uevent: what the driver itself calls the device. */
static bool has_devtype(const char *root, const char *name, const char *type)
{
	char path[PATH_MAX], line[128], wanted[64];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/uevent", root, name);
	snprintf(wanted, sizeof(wanted), "DEVTYPE=%s\n", type);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = !strcmp(line, wanted);
	fclose(f);
	return found;
}

static enum tg_link_kind kind_of_driver(const char *root, const char *name)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *driver;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%s/device/driver", root, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return TG_LINK_UNKNOWN;
	target[len] = '\0';
	driver = strrchr(target, '/');
	driver = driver ? driver + 1 : target;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(driver, drivers[i].driver))
			return drivers[i].kind;
	return TG_LINK_UNKNOWN;
}

enum tg_link_kind kind_from_sysfs(const char *root, const char *name, bool ethernet)
{
	enum tg_link_kind kind;

	if (is_there(root, name, "phy80211") || is_there(root, name, "wireless") || has_devtype(root, name, "wlan"))
		return TG_LINK_WIRELESS;
	if (has_devtype(root, name, "wwan"))
		return TG_LINK_CELLULAR;
	kind = kind_of_driver(root, name);
	if (kind != TG_LINK_UNKNOWN)
		return kind;
	return ethernet ? TG_LINK_ETHERNET : TG_LINK_UNKNOWN;
}

const char *host_kind_name(enum tg_link_kind kind)
{
	static const char *const names[] = {
		[TG_LINK_UNKNOWN] = "unknown",
		[TG_LINK_ETHERNET] = "ethernet",
		[TG_LINK_WIRELESS] = "wireless",
		[TG_LINK_CELLULAR] = "cellular",
		[TG_LINK_USB] = "usb",
	};

	return (size_t)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}
