// SPDX-License-Identifier: MIT
/* resolvconf.c - replace resolv.conf, and put it back whatever happens
 *
 * STATE_DIR/NAME.resolv is the backup:
 *
 *   triglav resolv.conf backup
 *   path /etc/resolv.conf
 *   kind file | link | none
 *   mode 644
 *   (empty line)
 *   the old content, or where the old link points to
 *
 * It is there before our file is, and gone only after the old one is back. Our own file opens with
 *
 *   # triglav NAME CHECK: written while the tunnel is up
 *
 * where CHECK covers the rest, so it can be told whether somebody wrote or edited it since. When
 * another instance has put its own file over ours, our backup becomes its backup: the host's
 * file comes back when the last of them leaves, in whatever order.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "host/dns.h"
#include "host/inside.h"

#define DEFAULT_PATH "/etc/resolv.conf"
#define MAX_BYTES 65536
#define MAGIC "triglav resolv.conf backup\n"

struct backup {
	char path[PATH_MAX / 2];
	char kind[8];
	unsigned int mode;
	const char *content;	/* into text */
	size_t content_len;
	char text[MAX_BYTES + PATH_MAX];
};

static void backup_path(const struct host *h, const char *name, char *path)
{
	snprintf(path, PATH_MAX, "%s/%s.resolv", h->state_dir, name);
}

/* FNV-1a (Fowler, Noll, Vo), 64 bit: finds edits, not attackers. */
static u64 check_sum(const char *text)
{
	u64 hash = 14695981039346656037ull;

	for (; *text; text++)
		hash = (hash ^ (u8)*text) * 1099511628211ull;
	return hash;
}

enum owner { OWNER_OTHER, OWNER_TRIGLAV, OWNER_EDITED };

/* Who wrote this text? For ours, untouched or edited, name[NAME_MAX_BYTES] is the instance. */
static enum owner owner_of(const char *text, char *name)
{
	unsigned long long check;
	const char *body = strchr(text, '\n');

	if (!body || sscanf(text, "# triglav %32s %llx:", name, &check) != 2)
		return OWNER_OTHER;
	return check_sum(body + 1) == check ? OWNER_TRIGLAV : OWNER_EDITED;
}

static int compose(char *out, size_t out_bytes, const char *name, const struct host_dns *set)
{
	char body[4096], ip[ADDR_TEXT_BYTES];
	int len = 0;

	for (u32 i = 0; i < set->server_count; i++) {
		struct addr bare = set->servers[i];

		bare.port = 0;
		len += snprintf(body + len, sizeof(body) - (size_t)len, "nameserver %s\n", addr_format(&bare, ip));
		if (len >= (int)sizeof(body))
			return -E2BIG;
	}
	len += snprintf(body + len, sizeof(body) - (size_t)len, "options edns0\n");
	if (len >= (int)sizeof(body))
		return -E2BIG;
	return snprintf(out, out_bytes, "# triglav %s %016llx: written while the tunnel is up\n%s", name,
			(unsigned long long)check_sum(body), body);
}

/* What is at the path now: kind, mode and content of the backup that would be taken. */
static int look_at(const char *path, struct backup *b)
{
	struct stat st;
	ssize_t len;

	b->mode = 0644;
	b->content = b->text;
	b->content_len = 0;
	b->text[0] = '\0';
	strcpy(b->kind, "none");
	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode)) {
		strcpy(b->kind, "link");
		len = readlink(path, b->text, PATH_MAX - 1);
		if (len < 0)
			return -errno;
		b->text[len] = '\0';
	} else {
		strcpy(b->kind, "file");
		b->mode = st.st_mode & 0777;
		len = file_read(path, b->text, MAX_BYTES);
		if (len < 0)
			return (int)len;
	}
	b->content_len = (size_t)len;
	return 0;
}

static int save_backup(const struct host *h, const char *path, const struct backup *b)
{
	static char text[sizeof(b->text)];	/* one control thread */
	char file[PATH_MAX];
	int len = snprintf(text, sizeof(text), MAGIC "path %s\nkind %s\nmode %o\n\n", path, b->kind, b->mode);

	if ((size_t)len + b->content_len >= sizeof(text))
		return -EFBIG;
	memcpy(text + len, b->content, b->content_len);
	backup_path(h, h->name, file);
	return file_replace(file, text, (size_t)len + b->content_len, 0600);
}

static int load_backup(const struct host *h, struct backup *b)
{
	char file[PATH_MAX], *end;
	int len;

	backup_path(h, h->name, file);
	len = file_read(file, b->text, sizeof(b->text));
	if (len < 0)
		return len;
	end = strstr(b->text, "\n\n");
	if (strncmp(b->text, MAGIC, strlen(MAGIC)) || !end)
		return -EINVAL;
	if (sscanf(b->text + strlen(MAGIC), "path %2047[^\n]\nkind %7s\nmode %o", b->path, b->kind, &b->mode) != 3)
		return -EINVAL;
	b->content = end + 2;
	b->content_len = (size_t)len - (size_t)(b->content - b->text);
	return 0;
}

/* A bind mount (containers) or a read-only directory with a writable file: rename cannot, writing can. */
static bool needs_writing_in_place(int err)
{
	return err == -EBUSY || err == -EROFS || err == -EACCES || err == -EXDEV;
}

static int put_file(const char *path, const char *data, size_t len, unsigned int mode)
{
	int err = file_replace(path, data, len, mode);

	return needs_writing_in_place(err) ? file_write(path, data, len) : err;
}

static int put_link(const char *path, const char *target)
{
	char new[PATH_MAX];

	snprintf(new, sizeof(new), "%.2000s.triglav-new", path);
	unlink(new);
	if (symlink(target, new))
		return -errno;
	if (rename(new, path)) {
		int err = -errno;

		unlink(new);
		return err;
	}
	return 0;
}

static int put_old_back(const struct backup *b)
{
	if (!strcmp(b->kind, "none"))
		return unlink(b->path) && errno != ENOENT ? -errno : 0;
	if (!strcmp(b->kind, "link"))
		return put_link(b->path, b->content);
	return put_file(b->path, b->content, b->content_len, b->mode);
}

bool resolvconf_uses_stub(const char *path)
{
	char text[MAX_BYTES];

	if (file_read(path ? path : DEFAULT_PATH, text, sizeof(text)) < 0)
		return false;
	return strstr(text, "nameserver 127.0.0.53") || strstr(text, "nameserver 127.0.0.54");
}

/* Is what stands at the path this instance's own file already? Then the backup stays as it is. */
static bool is_ours(const struct host *h, const struct backup *now)
{
	char name[NAME_MAX_BYTES];

	return !strcmp(now->kind, "file") && owner_of(now->text, name) != OWNER_OTHER && !strcmp(name, h->name);
}

int resolvconf_set(struct host *h, const struct host_dns *set, char *why)
{
	const char *path = set->resolv_conf ? set->resolv_conf : DEFAULT_PATH;
	static struct backup now;	/* large; one control thread */
	char text[4096 + 256];
	int len, err;

	if (strlen(path) >= sizeof(now.path))
		return host_fail(why, -ENAMETOOLONG, "%.100s...: too long", path);
	len = compose(text, sizeof(text), h->name, set);
	err = len < 0 ? len : look_at(path, &now);
	if (!err && !is_ours(h, &now))
		err = save_backup(h, path, &now);
	if (err)
		return host_fail(why, err, "cannot keep a copy of %s: %s", path, strerror(-err));
	err = put_file(path, text, (size_t)len, 0644);
	return err ? host_fail(why, err, "cannot write %s: %s", path, strerror(-err)) : 0;
}

static int rename_backup(const struct host *h, const char *new_path)
{
	char old_path[PATH_MAX];

	backup_path(h, h->name, old_path);
	return rename(old_path, new_path) ? -errno : 0;
}

static int drop_backup(const struct host *h)
{
	char path[PATH_MAX];

	backup_path(h, h->name, path);
	return unlink(path) ? -errno : 0;
}

/* Somebody else's file is there. Another instance's backup is then our own text: ours is what it should restore. */
static int hand_over(const struct host *h, const char *name)
{
	char path[PATH_MAX];

	backup_path(h, name, path);
	if (access(path, F_OK))
		return drop_backup(h);
	return rename_backup(h, path);
}

int resolvconf_restore(struct host *h)
{
	static struct backup old, now;	/* large; one control thread */
	char name[NAME_MAX_BYTES] = "", path[PATH_MAX];
	enum owner owner;
	int err = load_backup(h, &old);

	if (err == -ENOENT)
		return 0;
	if (!err)
		err = look_at(old.path, &now);
	if (err)
		return err;
	owner = !strcmp(now.kind, "file") ? owner_of(now.text, name) : OWNER_OTHER;
	if (owner == OWNER_OTHER)
		return drop_backup(h);		/* rewritten by its rightful owner */
	if (strcmp(name, h->name))
		return hand_over(h, name);
	if (owner == OWNER_EDITED) {
		backup_path(h, h->name, path);
		strcat(path, ".old");
		err = rename_backup(h, path);
		return err ? err : -ESTALE;
	}
	err = put_old_back(&old);
	return err ? err : drop_backup(h);
}
