// SPDX-License-Identifier: MIT
/* host.c - one instance's hold on this machine: its name, numbers, lock and undoing
 *
 * RUNTIME_DIR holds, for each instance, NAME.lock (flocked while it runs) and NAME.host (its number). The number is
 * kept until everything it marks has been undone, so a successor finds it.
 */
#include "host/host.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/bypass.h"
#include "host/dns.h"
#include "host/inside.h"
#include "host/nft.h"
#include "host/routes.h"
#include "host/sysctl.h"
#include "host/vethdev.h"

#define BASE_FIRST 0x74000000u		/* far from what people and other tools pick */
#define BASE_SLOTS 0x10000u

u32 host_mark(const struct host *h)
{
	return h->base;
}

u32 host_table(const struct host *h)
{
	return h->base;
}

static bool name_is_fine(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= NAME_MAX_BYTES || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_-.", name[i]))
			return false;
	return true;
}

/* FNV-1a (Fowler, Noll, Vo), 32 bit. */
static u32 hash_name(const char *name)
{
	u32 hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (u8)*name) * 16777619u;
	return hash;
}

/* nft takes letters, digits and '_' only; what had to change makes room for a hash, so that
 * "a-b" and "a.b" do not meet. */
static void make_nft_name(struct host *h)
{
	bool changed = false;
	char plain[NAME_MAX_BYTES];

	strcpy(plain, h->name);
	for (char *c = plain; *c; c++) {
		if (!isalnum((unsigned char)*c) && *c != '_') {
			*c = '_';
			changed = true;
		}
	}
	if (changed)
		snprintf(h->nft_name, sizeof(h->nft_name), "triglav_%.26s_%05x", plain, hash_name(h->name) & 0xfffff);
	else
		snprintf(h->nft_name, sizeof(h->nft_name), "triglav_%s", plain);
}

/* Opens and locks a file that may be unlinked by its holder: what we hold must still be there. */
static int lock_file(const char *path, int how)
{
	struct stat mine, there;

	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		if (flock(fd, how)) {
			int err = errno == EWOULDBLOCK ? -EBUSY : -errno;

			close(fd);
			return err;
		}
		if (!fstat(fd, &mine) && !stat(path, &there) && mine.st_ino == there.st_ino)
			return fd;
		close(fd);
	}
}

static int read_base(const char *dir, const char *file, u32 *base)
{
	char path[PATH_MAX], text[32];
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	err = file_read(path, text, sizeof(text));
	if (err < 0)
		return err;
	return sscanf(text, "base %x", base) == 1 ? 0 : -EINVAL;
}

static bool is_taken(const struct host *h, u32 base)
{
	DIR *dir = opendir(h->runtime_dir);
	struct dirent *entry;
	bool taken = false;
	u32 other;

	if (!dir)
		return false;
	while (!taken && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot && !strcmp(dot, ".host"))
			taken = !read_base(h->runtime_dir, entry->d_name, &other) && other == base;
	}
	closedir(dir);
	return taken;
}

/* With the directory's lock held: two instances may start at once. */
static int take_numbers(struct host *h)
{
	char file[NAME_MAX_BYTES + 8], path[PATH_MAX], text[32];
	u32 slot = hash_name(h->name);
	int len;

	snprintf(file, sizeof(file), "%s.host", h->name);
	if (!read_base(h->runtime_dir, file, &h->base))
		return 0;
	do
		h->base = BASE_FIRST + (slot++ % BASE_SLOTS) * HOST_TABLES;
	while (is_taken(h, h->base));
	snprintf(path, sizeof(path), "%s/%s", h->runtime_dir, file);
	len = snprintf(text, sizeof(text), "base %#x\n", h->base);
	return file_replace(path, text, (size_t)len, 0644);
}

static int lock_and_number(struct host *h, char *why)
{
	char path[PATH_MAX];
	int dir_lock, err;

	snprintf(path, sizeof(path), "%s/%s.lock", h->runtime_dir, h->name);
	h->lock_fd = lock_file(path, LOCK_EX | LOCK_NB);
	if (h->lock_fd == -EBUSY)
		return host_fail(why, -EBUSY, "an instance named %s runs already: choose another --name and another --tun-name", h->name);
	if (h->lock_fd < 0)
		return host_fail(why, h->lock_fd, "%s: %s", path, strerror(-h->lock_fd));

	snprintf(path, sizeof(path), "%s/.lock", h->runtime_dir);
	dir_lock = lock_file(path, LOCK_EX);
	if (dir_lock < 0)
		return host_fail(why, dir_lock, "%s: %s", path, strerror(-dir_lock));
	err = take_numbers(h);
	close(dir_lock);
	return err ? host_fail(why, err, "%s: %s", h->runtime_dir, strerror(-err)) : 0;
}

static int set_directories(struct host *h, const struct host_settings *set, char *why)
{
	const char *dirs[] = { set->runtime_dir, set->state_dir };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int err = strlen(dirs[i]) < sizeof(h->state_dir) ? dir_make(dirs[i]) : -ENAMETOOLONG;

		if (err)
			return host_fail(why, err, "cannot make %s: %s", dirs[i], strerror(-err));
	}
	strcpy(h->runtime_dir, set->runtime_dir);
	strcpy(h->state_dir, set->state_dir);
	return 0;
}

static void free_host(struct host *h)
{
	if (h->lock_fd >= 0)
		close(h->lock_fd);
	nl_socket_free(h->netlink);
	free(h);
}

int host_open(struct host **out, const struct host_settings *set, char *why)
{
	struct host *h;
	int err;

	if (!name_is_fine(set->name))
		return host_fail(why, -EINVAL, "instance name \"%s\": letters, digits, '_', '-' and '.', at most %d",
				 set->name, NAME_MAX_BYTES - 1);
	h = calloc(1, sizeof(*h));
	if (!h)
		return host_fail(why, -ENOMEM, "out of memory");
	h->lock_fd = -1;
	strcpy(h->name, set->name);
	make_nft_name(h);

	err = set_directories(h, set, why);
	if (err)
		goto fail;
	err = lock_and_number(h, why);
	if (err)
		goto fail;
	err = netlink_open(&h->netlink);
	if (err) {
		host_fail(why, err, "netlink: %s", strerror(-err));
		goto fail;
	}
	*out = h;
	return 0;
fail:
	free_host(h);
	return err;
}

static int undo(struct host *h, enum host_nft_keep keep)
{
	int steps[] = {
		host_dns_restore(h),
		host_bypass_remove(h),
		host_routes_clear(h),
		host_nft_sweep(h, keep),
		host_sysctl_restore(h),
		host_veth_remove(h),
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i] && steps[i] != -ESTALE)
			return steps[i];
	return 0;
}

int host_sweep(struct host *h, bool replaces_tables)
{
	return undo(h, replaces_tables ? HOST_NFT_KEEP_ALL : HOST_NFT_KEEP_NONE);
}

static void remove_file(const struct host *h, const char *ending)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.%s", h->runtime_dir, h->name, ending);
	unlink(path);
}

void host_close(struct host *h, bool keep_kill_switch)
{
	if (!h)
		return;
	/* The kill switch knows the mark, so the number stays as long as it does. */
	if (!undo(h, keep_kill_switch ? HOST_NFT_KEEP_KILL_SWITCH : HOST_NFT_KEEP_NONE) && !keep_kill_switch)
		remove_file(h, "host");
	remove_file(h, "lock");
	free_host(h);
}
