// SPDX-License-Identifier: MIT
/* manage_fuzz.c - hostile configuration files and control requests
 *
 * The first byte chooses: a server's file, a client's file, a control request (to a stand-in, or as a question for flows or the log), a flag.
 */
#include <stdlib.h>
#include <string.h>

#include "manage/control.h"
#include "manage/flows_report.h"
#include "manage/log_control.h"
#include "manage/settings.h"

static int read_fields(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *text = control_text(request, "uplink");

	(void)ctx;
	(void)error;
	json_object_set_new(answer, "number", json_integer(control_number(request, "weight", 0, 1000)));
	json_object_set_new(answer, "text", text ? json_string(text) : json_null());
	return 0;
}

static int give_flows(void *daemon, const struct run_flows_query *query, struct run_flows *out)
{
	struct flow_info info = { .family = 4, .protocol = 6 };

	(void)daemon;
	if (!query->top || query->top > RUN_FLOWS_TOP || query->sort >= RUN_FLOWS_SORTS)
		abort();
	memset(out, 0, sizeof(*out));
	out->count = out->matched = run_flows_fits(query, &info);
	out->at[0].info = info;
	return 0;
}

static int ask_flows(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return flows_answer(give_flows, ctx, NULL, request, answer, error);
}

static const struct control_command commands[] = {
	{ "a", read_fields, NULL }, { "flows", ask_flows, NULL }, { "log level", log_control_level, NULL },
	{ "log read", log_control_read, NULL }, { NULL, NULL, NULL },
};

static void control_line(const char *text, size_t len)
{
	char *answer = control_answer(commands, NULL, text, len);

	/* The answer is one line, whatever was asked. */
	if (!answer || strchr(answer, '\n'))
		abort();
	free(answer);
}

static void file(enum settings_side side, const char *text, size_t len)
{
	static struct settings s;
	char error[SETTINGS_ERROR_BYTES] = "";

	if (settings_init(&s, side))
		abort();
	/* An error is a sentence that begins with the file's name. */
	if (settings_read_text(&s, "f", text, len, error) && strncmp(error, "f:", 2))
		abort();
	settings_finish(&s);
}

static void flag(const char *text, size_t len)
{
	static struct settings s;
	char error[SETTINGS_ERROR_BYTES], word[512], value[512];
	char *argv[] = { word, value };
	const char *space = memchr(text, ' ', len);
	size_t first = space ? (size_t)(space - text) : len, rest = space ? len - first - 1 : 0;
	int at = 0;

	if (first >= sizeof(word) || rest >= sizeof(value))
		return;
	memcpy(word, text, first);
	word[first] = '\0';
	memcpy(value, text + len - rest, rest);
	value[rest] = '\0';
	if (settings_init(&s, SETTINGS_CLIENT))
		abort();
	settings_flag(&s, 2, argv, &at, error);
	settings_nearest_flag(SETTINGS_CLIENT, word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (!size)
		return 0;
	switch (data[0] % 4) {
	case 0:
		file(SETTINGS_SERVER, text, size - 1);
		break;
	case 1:
		file(SETTINGS_CLIENT, text, size - 1);
		break;
	case 2:
		control_line(text, size - 1);
		break;
	case 3:
		flag(text, size - 1);
		break;
	}
	return 0;
}
