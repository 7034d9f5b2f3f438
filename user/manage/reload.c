// SPDX-License-Identifier: MIT
/* reload.c - a daemon's configuration file read again while it runs */
#define LOG_AREA LOG_AREA_CONTROL

#include "manage/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "manage/settings_parts.h"

#define SECRET "(secret)"	/* all that is told of one */

void reload_begin(struct reload *r, struct settings *now, const char *file)
{
	r->file = file;
	r->said = *now;
	r->now = now;
}

/* Keyed, so that nobody who sees it can try secrets. */
static void fingerprint(const struct reload *r, const struct settings *s, u8 out[32])
{
	crypto_generichash(out, 32, (const u8 *)s->auth_key, strlen(s->auth_key), r->salt, sizeof(r->salt));
}

void reload_started(struct reload *r)
{
	randombytes_buf(r->salt, sizeof(r->salt));
	fingerprint(r, r->now, r->secrets);
}

void reload_wipe(struct reload *r)
{
	settings_wipe(&r->said);
	sodium_memzero(r, sizeof(*r));
}

/* ---- comparing ---- */

static const char *name_of(const struct setting *row, char out[64])
{
	if (row->key)
		return row->key;
	snprintf(out, 64, "--%s", row->flag);
	return out;
}

static json_t *change(const struct setting *row, const char *from, const char *to)
{
	char name[64];

	return json_pack("{s:s, s:s, s:s}", "key", name_of(row, name), "from", row->secret ? SECRET : from, "to",
			 row->secret ? SECRET : to);
}

static bool secrets_differ(const struct reload *r, const struct settings *wanted)
{
	u8 other[32];

	fingerprint(r, wanted, other);
	return sodium_memcmp(other, r->secrets, sizeof(other));
}

/* changed, needs_restart: lists that grow. -ENOMEM. */
static int compare_row(struct reload *r, struct settings *wanted, const struct setting *row, json_t *changed, json_t *needs_restart)
{
	struct value_slot is = settings_slot(r->now, row), will = settings_slot(wanted, row);
	char *from = value_text(&is), *to = value_text(&will);
	int err = from && to ? 0 : -ENOMEM;

	if (!err && (row->secret ? secrets_differ(r, wanted) : strcmp(from, to) != 0))
		json_array_append_new(row->live ? changed : needs_restart, change(row, from, to));
	if (to)
		sodium_memzero(to, strlen(to));
	free(from);
	free(to);
	return err;
}

static int compare(struct reload *r, struct settings *wanted, json_t *changed, json_t *needs_restart)
{
	int err = 0;

	for (const struct setting *row = settings_table; !settings_row_ends(row) && !err; row++)
		if (row->sides & r->now->side)
			err = compare_row(r, wanted, row, changed, needs_restart);
	return err;
}

/* ---- taking over ---- */

static void adopt(struct reload *r, struct settings *wanted)
{
	for (const struct setting *row = settings_table; !settings_row_ends(row); row++) {
		struct value_slot to = settings_slot(r->now, row), from = settings_slot(wanted, row);

		if (!row->live || !(row->sides & r->now->side))
			continue;
		value_copy(&to, &from);
		r->now->source[settings_row_number(row)] = wanted->source[settings_row_number(row)];
	}
}

/* A level that was set by command stays where the file says nothing new. */
static void apply_log_level(const struct reload *r, const struct settings *wanted)
{
	if (wanted->log_level != r->now->log_level)
		log_set_level((enum log_level)wanted->log_level);
}

static const char *text(const json_t *one, const char *key)
{
	return json_string_value(json_object_get(one, key));
}

static void log_changes(const json_t *changed)
{
	const json_t *one;
	size_t i;

	json_array_foreach(changed, i, one)
		log_info("%s: \"%s\", was \"%s\"", text(one, "key"), text(one, "to"), text(one, "from"));
}

static void log_waiting(const json_t *needs_restart)
{
	const json_t *one;
	size_t i;

	json_array_foreach(needs_restart, i, one)
		if (!strcmp(text(one, "to"), SECRET))
			log_warn("%s: another one; it needs a restart", text(one, "key"));
		else
			log_warn("%s: \"%s\" needs a restart; it stays \"%s\"", text(one, "key"), text(one, "to"), text(one, "from"));
}

/* What failed in the middle is in force, as far as it came, and not finished. -EINVAL would say that nothing was done. */
static int apply_live(struct reload *r, struct settings *wanted, reload_apply apply, void *ctx, const json_t *changed, char *error)
{
	bool refused = false;
	int err = apply(ctx, wanted, &refused, error);

	if (err && refused)
		return err;
	r->half_done = err != 0;
	log_changes(changed);
	apply_log_level(r, wanted);
	adopt(r, wanted);
	return err == -EINVAL ? -EIO : err;
}

static int apply_changes(struct reload *r, struct settings *wanted, reload_apply apply, void *ctx, json_t *report, char *error)
{
	json_t *changed = json_array(), *needs_restart = json_array();
	int err = compare(r, wanted, changed, needs_restart);
	bool again = r->half_done;

	if (!err && (json_array_size(changed) || again))
		err = apply_live(r, wanted, apply, ctx, changed, error);
	else if (!err && !json_array_size(needs_restart))
		log_info("%s: nothing changed", r->file);
	if (!err && again)
		log_info("%s: what had failed is done", r->file);
	if (!err)
		log_waiting(needs_restart);
	if (again)
		json_object_set_new(report, "again", json_true());
	json_object_set_new(report, "file", json_string(r->file));
	json_object_set_new(report, "changed", changed);
	json_object_set_new(report, "needs_restart", needs_restart);
	return err;
}

static int read_again(struct reload *r, struct settings *wanted, char *error)
{
	char what[SETTINGS_ERROR_BYTES];
	int err;

	*wanted = r->said;
	err = settings_read_file(wanted, r->file, what);
	if (err)
		snprintf(error, RUN_ERROR_BYTES, "%.250s", what);
	else
		settings_finish(wanted);
	return err;
}

int reload_run(struct reload *r, reload_apply apply, void *ctx, json_t *report, char error[RUN_ERROR_BYTES])
{
	struct settings *wanted = malloc(sizeof(*wanted));
	json_t *unasked = report ? NULL : json_object();
	int err = wanted ? 0 : -ENOMEM;

	error[0] = '\0';
	if (!err && !r->file[0]) {
		snprintf(error, RUN_ERROR_BYTES, "there is no configuration file to read: it was started without --config");
		err = -EINVAL;
	}
	if (!err)
		err = read_again(r, wanted, error);
	if (!err)
		err = apply_changes(r, wanted, apply, ctx, report ? report : unasked, error);
	if (err)
		log_warn("reload: %s", error[0] ? error : strerror(-err));
	if (wanted)
		settings_wipe(wanted);
	free(wanted);
	json_decref(unasked);
	return err;
}
