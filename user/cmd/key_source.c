// SPDX-License-Identifier: MIT
/* key_source.c - where a client's key string comes from */
#include "cmd/key_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "crypto/keyfile.h"

static int read_file(const char *path, char *text)
{
	char error[KEYFILE_ERROR_BYTES];
	int err = keyfile_read(path, text, KEYS_TEXT_BYTES, error);

	return err ? cmd_fail(err == -EACCES ? CMD_NOT_PERMITTED : CMD_FAILED, "%s", error) : CMD_OK;
}

/* Copies a secret out of memory that others can look at, and leaves x's there. */
static int take_visible(char *from, char *text)
{
	size_t len = strlen(from);
	bool fits = len < KEYS_TEXT_BYTES;

	if (fits)
		memcpy(text, from, len + 1);
	memset(from, 'x', len);
	return fits ? CMD_OK : cmd_fail(CMD_USAGE, "the key is too long: %zu letters", len);
}

static int take_word(char *word, char *text)
{
	int code = take_visible(word, text);

	if (!strncmp(text, "tg2_", 4))
		log_warn("a key on the command line can be seen by others in ps: better --key-file, or - for standard input");
	return code;
}

static bool credential_path(char path[512])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && snprintf(path, 512, "%s/key", dir) < 512 && !access(path, F_OK);
}

static int find(struct settings *s, char *word, char *text)
{
	char *variable = getenv(KEY_SOURCE_ENV);
	char path[512];

	if (word && settings_source(s, "key-file") == SETTINGS_FLAG)
		return cmd_fail(CMD_USAGE, "two keys: --key-file and %s; give one", strcmp(word, "-") ? "one on the command line" : "-");
	if (word && strcmp(word, "-"))
		return take_word(word, text);
	if (word)
		return read_file("-", text);
	if (settings_source(s, "key-file") == SETTINGS_FLAG)
		return read_file(s->key_file, text);
	if (variable && *variable)
		return take_visible(variable, text);
	if (credential_path(path))
		return read_file(path, text);
	if (s->auth_key[0])
		return take_visible(s->auth_key, text);
	if (s->key_file[0])
		return read_file(s->key_file, text);
	return cmd_fail(CMD_USAGE, "which server? Give its key: triglav tun --key-file F, or triglav tun tg2_...");
}

int key_source_read(struct settings *s, char *word, struct key_string *k)
{
	char text[KEYS_TEXT_BYTES] = "", error[KEYS_ERROR_BYTES];
	int code = find(s, word, text);

	if (!code && keys_parse(k, text, error))
		code = cmd_fail(CMD_USAGE, "%s", error);
	sodium_memzero(text, sizeof(text));
	sodium_memzero(s->auth_key, sizeof(s->auth_key));
	return code;
}
