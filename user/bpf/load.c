// SPDX-License-Identifier: MIT
/* load.c - the filter and all maps: opened, sized, loaded, mapped
 *
 * The filter's object makes the maps. Other programs are objects of their own, so that one the kernel refuses takes none of
 * the others along; they get the maps by datapath_share_maps().
 */
#include "bpf/inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "uplink.skel.h"

#define CLIENT_INDICES 1024u
#define SERVER_INDICES 65536u
#define CLIENT_SEEN 4u
#define SERVER_SEEN 256u

/* ---- names ---- */

static const char *const mode_names[] = {
	[DATAPATH_OFF] = "off",
	[DATAPATH_NATIVE] = "native",
	[DATAPATH_GENERIC] = "generic",
	[DATAPATH_AUTO] = "auto",
};

int datapath_parse_mode(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++)
		if (!strcmp(mode_names[i], name))
			return (int)i;
	return -1;
}

const char *datapath_mode_name(enum datapath_mode mode)
{
	return (size_t)mode < ARRAY_SIZE(mode_names) ? mode_names[mode] : "unknown";
}

/* ---- what went wrong ---- */

static __thread char last_warning[DATAPATH_WHY_BYTES];
static __thread bool verifier_spoke;	/* nothing that comes later says more */

/* Why it refused is the line before its statistics, or else the last one. */
static bool keep_verifier(const char *text)
{
	const char *end, *line;

	if (!strstr(text, "BEGIN PROG LOAD LOG"))
		return false;
	end = strstr(text, "\nprocessed ");
	if (!end)
		end = strstr(text, "\n-- END PROG LOAD LOG");
	if (!end)
		return false;
	for (line = end; line > text && line[-1] != '\n'; line--)
		;
	snprintf(last_warning, sizeof(last_warning), "%.*s", (int)(end - line), line);
	return true;
}

/* What libbpf tells is kept for datapath_say(): what the verifier said, else the first line of the last warning. */
static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text;

	if (level != LIBBPF_WARN || verifier_spoke || vasprintf(&text, format, args) < 0)
		return 0;
	verifier_spoke = keep_verifier(text);
	if (!verifier_spoke)
		snprintf(last_warning, sizeof(last_warning), "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return 0;
}

/* -EACCES is how the verifier refuses; who is not permitted gets -EPERM. */
int datapath_say(char why[DATAPATH_WHY_BYTES], int err, const char *what)
{
	if (err == -EPERM)
		snprintf(why, DATAPATH_WHY_BYTES, "%.60s: not permitted (needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON)", what);
	else if (last_warning[0])
		snprintf(why, DATAPATH_WHY_BYTES, "%.60s: %.40s (%.140s)", what, strerror(-err), last_warning);
	else
		snprintf(why, DATAPATH_WHY_BYTES, "%.60s: %.60s", what, strerror(-err));
	return err;
}

/* ---- maps ---- */

int datapath_map(const struct datapath *d, const char *name)
{
	const struct bpf_map *m = bpf_object__find_map_by_name(d->uplink->obj, name);
	int fd = m ? bpf_map__fd(m) : -1;

	return fd < 0 ? -ENOENT : fd;
}

int datapath_share_maps(const struct datapath *d, struct bpf_object *object)
{
	struct bpf_map *m;
	int fd, err = 0;

	bpf_object__for_each_map(m, object) {
		fd = datapath_map(d, bpf_map__name(m));
		if (fd >= 0 && !err)
			err = bpf_map__reuse_fd(m, fd);
	}
	return err;
}

static int size_maps(struct datapath *d, const struct datapath_settings *set)
{
	u32 indices = set->indices ? set->indices : set->server ? SERVER_INDICES : CLIENT_INDICES;
	int err;

	d->seen_slots = set->seen_slots ? set->seen_slots : set->server ? SERVER_SEEN : CLIENT_SEEN;
	err = bpf_map__set_max_entries(d->uplink->maps.tg_index, indices);
	if (!err)
		err = bpf_map__set_max_entries(d->uplink->maps.tg_seen, d->seen_slots);
	if (!err)
		err = bpf_map__set_max_entries(d->uplink->maps.tg_skips, d->seen_slots);
	/* A client has no inner destinations to find workers for. */
	if (!err && !set->server)
		err = bpf_map__set_max_entries(d->uplink->maps.tg_inner, 1);
	return err;
}

static void *map_memory(const struct bpf_map *m, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	return at == MAP_FAILED ? NULL : at;
}

static int map_all(struct datapath *d)
{
	d->settings = map_memory(d->uplink->maps.tg_settings, sizeof(*d->settings));
	d->sieve = map_memory(d->uplink->maps.tg_sieve, sizeof(*d->sieve));
	d->seen = map_memory(d->uplink->maps.tg_seen, d->seen_slots * sizeof(*d->seen));
	d->skips = map_memory(d->uplink->maps.tg_skips, d->seen_slots * sizeof(*d->skips));
	d->paths = map_memory(d->uplink->maps.tg_paths, 2 * sizeof(*d->paths));
	d->wishes = map_memory(d->uplink->maps.tg_wishes, TG_WISHES * sizeof(*d->wishes));
	d->seen_used = calloc(d->seen_slots, 1);
	return d->settings && d->sieve && d->seen && d->skips && d->paths && d->wishes && d->seen_used ? 0 : -ENOMEM;
}

static void unmap_all(struct datapath *d)
{
	if (d->settings)
		munmap(d->settings, sizeof(*d->settings));
	if (d->sieve)
		munmap(d->sieve, sizeof(*d->sieve));
	if (d->seen)
		munmap(d->seen, d->seen_slots * sizeof(*d->seen));
	if (d->skips)
		munmap(d->skips, d->seen_slots * sizeof(*d->skips));
	if (d->paths)
		munmap(d->paths, 2 * sizeof(*d->paths));
	if (d->wishes)
		munmap(d->wishes, TG_WISHES * sizeof(*d->wishes));
	free(d->seen_used);
}

/* Per CPU: a flood may come by one receive queue, so each gets its even share twice over. */
static u32 per_cpu(u32 per_second)
{
	u32 cpus = (u32)MAX(libbpf_num_possible_cpus(), 1);

	return cpus == 1 || !per_second ? per_second : MAX(2 * per_second / cpus, 1u);
}

void datapath_set_rates(struct datapath *d, u32 per_second, u32 per_source)
{
	__atomic_store_n(&d->settings->handshakes_per_cpu, per_cpu(per_second), __ATOMIC_RELAXED);
	__atomic_store_n(&d->settings->handshakes_per_source, per_source, __ATOMIC_RELAXED);
}

static void fill_settings(struct datapath *d, const struct datapath_settings *set)
{
	d->server = set->server;
	d->settings->workers = MIN(MAX(set->workers, 1u), TG_MAX_WORKERS);
	datapath_set_rates(d, set->handshakes_per_second, set->handshakes_per_source);
	d->settings->hash_key = set->hash_key;
	d->settings->flags = set->server ? TG_SETTINGS_SERVER : 0;
	datapath_set_suspended(d);
	d->settings->version = TG_MAPS_VERSION;
}

/* ---- life ---- */

int datapath_program(const struct datapath *d, bool ethernet)
{
	return bpf_program__fd(ethernet ? d->uplink->progs.tg_uplink : d->uplink->progs.tg_uplink_ip);
}

int datapath_load(struct datapath **out, const struct datapath_settings *set, char why[DATAPATH_WHY_BYTES])
{
	struct datapath *d = calloc(1, sizeof(*d));
	int err;

	why[0] = last_warning[0] = '\0';
	verifier_spoke = false;
	if (!d)
		return datapath_say(why, -ENOMEM, "BPF programs");
	libbpf_set_print(keep_warning);
	d->uplink = uplink_bpf__open();
	err = d->uplink ? size_maps(d, set) : -errno;
	if (!err)
		err = uplink_bpf__load(d->uplink);
	if (!err)
		err = map_all(d);
	if (err) {
		datapath_close(d);
		return datapath_say(why, err, "BPF programs cannot be loaded");
	}
	fill_settings(d, set);
	*out = d;
	return 0;
}

void datapath_close(struct datapath *d)
{
	if (!d)
		return;
	datapath_free_lanes(d);
	datapath_free_inner(d);
	for (u32 i = 0; i < TG_UPLINKS_MAX; i++)
		if (d->attachments[i].ifindex)
			close(d->attachments[i].link);
	unmap_all(d);
	uplink_bpf__destroy(d->uplink);
	free(d);
}
