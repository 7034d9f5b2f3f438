// SPDX-License-Identifier: MIT
/* pin.c - the maps under names in /sys/fs/bpf/triglav, for bpftool and triglav-ctl
 *
 * Only maps: what is attached must end with the daemon. tg_settings has the version of their layout.
 */
#include "bpf/inside.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "uplink.skel.h"

#define PATH_BYTES 128

static bool is_name(const char *name)
{
	return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 64;
}

/* Ours are plain files named tg_...; anything else is not touched, and then the folder stays as well. */
void datapath_unpin(const char *name)
{
	char folder[PATH_BYTES], path[2 * PATH_BYTES];
	struct dirent *e;
	DIR *dir;

	if (!is_name(name))
		return;
	snprintf(folder, sizeof(folder), "%s/%s", DATAPATH_PINS, name);
	dir = opendir(folder);
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, "tg_", 3) || strlen(e->d_name) > 15)
			continue;
		snprintf(path, sizeof(path), "%s/%.15s", folder, e->d_name);
		unlink(path);
	}
	closedir(dir);
	rmdir(folder);
	rmdir(DATAPATH_PINS);	/* fails while others are there */
}

static int make_folder(const char *name, char folder[PATH_BYTES])
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
		return -ENOENT;
	if (mkdir(DATAPATH_PINS, 0700) && errno != EEXIST)
		return -errno;
	snprintf(folder, PATH_BYTES, "%s/%s", DATAPATH_PINS, name);
	return mkdir(folder, 0700) && errno != EEXIST ? -errno : 0;
}

static int pin_maps(const struct datapath *d, const char *folder)
{
	char path[2 * PATH_BYTES];
	struct bpf_map *m;
	int err;

	bpf_object__for_each_map(m, d->uplink->obj) {
		if (bpf_map__is_internal(m) || bpf_map__fd(m) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, bpf_map__name(m));
		err = bpf_obj_pin(bpf_map__fd(m), path);
		if (err)
			return err;
	}
	return 0;
}

int datapath_pin(const struct datapath *d, const char *name, char why[DATAPATH_WHY_BYTES])
{
	char folder[PATH_BYTES];
	int err;

	why[0] = '\0';
	if (!is_name(name))
		return -EINVAL;
	datapath_unpin(name);
	err = make_folder(name, folder);
	if (!err)
		err = pin_maps(d, folder);
	if (!err)
		return 0;
	datapath_unpin(name);
	snprintf(why, DATAPATH_WHY_BYTES, "maps are not pinned under %s/%s: %s", DATAPATH_PINS, name,
		 err == -ENOENT ? "/sys/fs/bpf is no BPF file system" : strerror(-err));
	return err;
}
