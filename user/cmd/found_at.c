// SPDX-License-Identifier: MIT
/* found_at.c - where a server is found, told by the server to the commands that make keys for it */
#include "cmd/found_at.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "crypto/noise.h"
#include "manage/control.h"

#define PUBLIC_BYTES 65		/* 32 bytes in hex and the end */
#define PATH_BYTES (SETTINGS_PATH_BYTES + 32)

static char *public_text(const u8 secret[32], char out[PUBLIC_BYTES])
{
	u8 public_key[32];

	noise_public_from_secret(secret, public_key);
	return sodium_bin2hex(out, PUBLIC_BYTES, public_key, sizeof(public_key));
}

static json_t *address_list(const struct addr *list, u32 count)
{
	char text[ADDR_TEXT_BYTES];
	json_t *out = json_array();

	for (u32 i = 0; i < count; i++)
		json_array_append_new(out, json_string(addr_format(&list[i], text)));
	return out;
}

json_t *found_at_report(const struct settings *s, const u8 secret[32])
{
	char text[PUBLIC_BYTES];

	return json_pack("{s:s, s:o, s:o, s:i}", "public_key", public_text(secret, text),
			 "address", address_list(s->addresses, s->address_count),
			 "listen", address_list(s->server.listen, s->server.listen_count), "tcp_port", (int)s->server.tcp_port);
}

static void store_path(const struct settings *s, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "%s/" FOUND_AT_FILE, s->state_dir);
}

int found_at_store(const struct settings *s, const json_t *report)
{
	char path[PATH_BYTES], fresh[PATH_BYTES + 8];

	store_path(s, path);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	errno = EIO;
	if (json_dump_file(report, fresh, JSON_INDENT(2)) || chmod(fresh, 0600) || rename(fresh, path)) {
		int err = -errno;

		unlink(fresh);
		return err;
	}
	return 0;
}

/* Takes what can be read of a list; an answer of another version may hold more. */
static u32 read_list(const json_t *from, const char *field, struct addr *list, u32 max)
{
	const json_t *item;
	u32 count = 0;
	size_t i;

	json_array_foreach(json_object_get(from, field), i, item)
		if (count < max && json_is_string(item) && !addr_parse(&list[count], json_string_value(item), TG_PORT))
			count++;
	return count;
}

/* Is it about the server of this key? Then its addresses are taken. */
static bool take(struct settings *s, const char *public_key, const json_t *report)
{
	const char *theirs = json_string_value(json_object_get(report, "public_key"));
	json_int_t tcp_port = json_integer_value(json_object_get(report, "tcp_port"));

	if (!theirs || strcmp(theirs, public_key))
		return false;
	s->address_count = read_list(report, "address", s->addresses, KEYS_MAX_ADDRS);
	s->server.listen_count = read_list(report, "listen", s->server.listen, SERVER_MAX_LISTEN);
	if (settings_source(s, "tcp-port") == SETTINGS_PRESET && tcp_port > 0 && tcp_port <= UINT16_MAX)
		s->server.tcp_port = (u16)tcp_port;
	return true;
}

static bool ask(struct settings *s, const char *public_key, const char *name)
{
	json_t *request = json_pack("{s:s}", "command", "status"), *answer = NULL;
	char error[RUN_ERROR_BYTES];
	bool taken = false;
	int code;

	if (!control_request(s->runtime_dir, name, request, &answer, &code, error))
		taken = take(s, public_key, answer);
	json_decref(request);
	json_decref(answer);
	return taken;
}

static bool ask_running(struct settings *s, const char *public_key)
{
	char names[16][RUN_NAME_BYTES];
	bool taken = false;
	int n = 1;

	memcpy(names[0], s->name, RUN_NAME_BYTES);
	if (!s->name[0])
		n = control_instances(s->runtime_dir, names, ARRAY_SIZE(names));
	for (int i = 0; !taken && i < n && i < (int)ARRAY_SIZE(names); i++)
		taken = ask(s, public_key, names[i]);
	return taken;
}

void found_at_learn(struct settings *s, const u8 secret[32])
{
	char public_key[PUBLIC_BYTES], path[PATH_BYTES];
	json_t *left;

	if (settings_source(s, "address") != SETTINGS_PRESET || settings_source(s, "listen") != SETTINGS_PRESET)
		return;
	public_text(secret, public_key);
	if (ask_running(s, public_key))
		return;
	store_path(s, path);
	left = json_load_file(path, 0, NULL);
	take(s, public_key, left);
	json_decref(left);
}
