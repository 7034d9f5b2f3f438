// SPDX-License-Identifier: MIT
/* command.c - lines that change links, now or later */
#include "emulate/command.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512

static void __attribute__((format(printf, 2, 3))) say(char *reply, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reply, REPLY_ROOM, fmt, args);
	va_end(args);
}

static char *next_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, " \t\n");
	} while (word && !*word);
	return word;
}

/* Takes the next word when it is this one. */
static bool take_word(char **rest, const char *word)
{
	size_t len = strlen(word);

	while (*rest && strchr(" \t\n", **rest) && **rest)
		++*rest;
	if (!*rest || strncmp(*rest, word, len) || !strchr(" \t\n", (*rest)[len]))
		return false;
	*rest += len;
	return true;
}

static json_t *counters(struct wire *from, struct direction *d)
{
	const struct direction_counters *c = &d->count;

	if (from->fd >= 0)
		wire_count_missed(from, d);
	return json_pack("{sIsIsIsI s{sIsIsIsIsIsIsI} sIsIsb}",
			 "packets_in", (json_int_t)c->packets_in, "bytes_in", (json_int_t)c->bytes_in,
			 "packets_out", (json_int_t)c->packets_out,
			 "bytes_out", (json_int_t)c->bytes_out, "dropped",
			 "loss", (json_int_t)c->lost, "queue", (json_int_t)c->queue_full,
			 "down", (json_int_t)c->down, "offload", (json_int_t)c->offload,
			 "memory", (json_int_t)c->no_memory, "missed", (json_int_t)c->missed,
			 "send", (json_int_t)c->send_failed,
			 "queued_bytes", (json_int_t)d->queued_bytes,
			 "under_way", (json_int_t)(d->queue.count + d->line.count),
			 "down_now", d->shape.down);
}

static void print_stats(struct links *l, char *reply)
{
	json_t *all = json_object();
	char *text;

	for (u32 i = 0; i < LINKS_MAX; i++) {
		struct link *k = &l->link[i];

		if (*k->name)
			json_object_set_new(all, k->name,
					    json_pack("{soso}",
						      "a", counters(&k->end[0], &k->direction[0]),
						      "b", counters(&k->end[1], &k->direction[1])));
	}
	text = json_dumps(all, JSON_COMPACT);
	say(reply, "%s", text && strlen(text) < REPLY_ROOM ? text : "error: too many links");
	free(text);
	json_decref(all);
}

static void add(struct links *l, char *rest, bool dry, char *reply)
{
	char *name = next_word(&rest), *interface[2];
	struct shape s = {};
	const char *bad;
	int err;

	interface[0] = next_word(&rest);
	interface[1] = next_word(&rest);
	if (!interface[1] || strlen(name) >= sizeof(l->link->name)) {
		say(reply, "error: add NAME INTERFACE INTERFACE [CHANGE...]");
		return;
	}
	if (rest && shape_change(&s, rest, &bad)) {
		say(reply, "error: not understood: %s", bad);
		return;
	}
	if (dry)
		return;
	err = links_find(l, name) ? -EEXIST : links_add(l, name, interface, &s);
	if (err)
		say(reply, "error: link %s between %s and %s: %s", name, interface[0], interface[1],
		    strerror(-err));
}

static void remove_link(struct links *l, char *rest, bool dry, char *reply)
{
	char *name = next_word(&rest);
	struct link *k = name ? links_find(l, name) : NULL;

	if (!name || (!k && !dry))
		say(reply, "error: no link %s", name ? name : "named");
	else if (!dry)
		links_remove(k);
}

static int change_direction(struct direction *d, const char *words, u64 now, bool dry,
			    char *reply)
{
	char copy[LINE_MAX_BYTES];
	struct shape s = d->shape;
	const char *bad;

	snprintf(copy, sizeof(copy), "%s", words);
	if (shape_change(&s, copy, &bad)) {
		say(reply, "error: not understood: %s", bad);
		return -EINVAL;
	}
	if (!dry)
		direction_reshape(d, &s, now);
	return 0;
}

static void change(struct links *l, char *rest, u64 now, bool dry, char *reply)
{
	char *name = take_word(&rest, "link") ? next_word(&rest) : NULL;
	const char *side = take_word(&rest, "dir") ? next_word(&rest) : NULL;
	struct direction any = {};

	if (side && strcmp(side, "a") && strcmp(side, "b")) {
		say(reply, "error: dir is a or b, not %s", side);
		return;
	}
	if (!rest || change_direction(&any, rest, now, true, reply))
		return;
	if (name && !links_find(l, name) && !dry) {
		say(reply, "error: no link %s", name);
		return;
	}
	for (u32 i = 0; i < LINKS_MAX; i++) {
		struct link *k = &l->link[i];

		if (!*k->name || (name && strcmp(name, k->name)))
			continue;
		for (u32 j = 0; j < 2; j++)
			if (!side || (u32)(*side - 'a') == j)
				change_direction(&k->direction[j], rest, now, dry, reply);
	}
}

static void execute(struct links *l, const char *line, u64 now, bool dry, char *reply)
{
	char copy[LINE_MAX_BYTES], *rest = copy;

	snprintf(copy, sizeof(copy), "%s", line);
	if (take_word(&rest, "stats"))
		print_stats(l, reply);
	else if (take_word(&rest, "add"))
		add(l, rest, dry, reply);
	else if (take_word(&rest, "remove"))
		remove_link(l, rest, dry, reply);
	else
		change(l, rest, now, dry, reply);
}

static void plan(struct links *l, char *rest, u64 now, char *reply)
{
	struct planned *p, **at = &l->plan;
	char *word = next_word(&rest);
	u64 wait;

	if (!word || shape_parse_time(word, &wait) || !rest) {
		say(reply, "error: at TIME COMMAND, with a TIME such as 1.5s or 200ms");
		return;
	}
	execute(l, rest, now, true, reply);
	if (strncmp(reply, "error", 5) == 0)
		return;
	p = calloc(1, sizeof(*p));
	if (p)
		p->line = strdup(rest);
	if (!p || !p->line) {
		free(p);
		say(reply, "error: %s", strerror(ENOMEM));
		return;
	}
	p->time_ns = now + wait;
	while (*at && (*at)->time_ns <= p->time_ns)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

void links_command(struct links *l, const char *line, u64 now, char *reply)
{
	char copy[LINE_MAX_BYTES], *rest = copy;

	say(reply, "ok");
	if (strlen(line) >= sizeof(copy)) {
		say(reply, "error: more than %d letters", LINE_MAX_BYTES - 1);
		return;
	}
	snprintf(copy, sizeof(copy), "%s", line);
	if (take_word(&rest, "at"))
		plan(l, rest, now, reply);
	else
		execute(l, line, now, false, reply);
}

void links_run_plan(struct links *l, u64 now)
{
	static char reply[REPLY_ROOM];

	while (l->plan && l->plan->time_ns <= now) {
		struct planned *p = l->plan;

		l->plan = p->next;
		links_command(l, p->line, now, reply);
		if (strcmp(reply, "ok"))
			fprintf(stderr, "emulator: %s: %s\n", p->line, reply);
		free(p->line);
		free(p);
	}
}

void plan_clear(struct links *l)
{
	while (l->plan) {
		struct planned *p = l->plan;

		l->plan = p->next;
		free(p->line);
		free(p);
	}
}
