// SPDX-License-Identifier: MIT
/* flow_text.c - flows as people name them, and those of this host's own sockets */
#include "manage/flow_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS 3
#define TEXT_MAX 256
#define TCP_ESTABLISHED 1u

/* An address, with a port or without. */
static int parse_end(const char *text, struct addr *out)
{
	struct addr other;

	if (addr_parse(out, text, 1) || addr_parse(&other, text, 2))
		return -EINVAL;
	if (out->port != other.port)	/* the default: none was said */
		out->port = 0;
	return 0;
}

int flow_parse(const char *text, struct flow_wish *out)
{
	char copy[TEXT_MAX], *rest = copy, *word, *words[WORDS + 1];
	u32 count = 0, first = 0;

	*out = (struct flow_wish){ 0 };
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	while ((word = strsep(&rest, " \t")) && count <= WORDS)
		if (*word && strcmp(word, "->"))
			words[count++] = word;
	if (!count || count > WORDS)
		return -EINVAL;
	if (!strcmp(words[0], "tcp") || !strcmp(words[0], "udp")) {
		out->protocol = words[0][0] == 't' ? TG_PROTO_TCP : TG_PROTO_UDP;
		first = 1;
	}
	if (count == first || count - first > 2 || parse_end(words[count - 1], &out->to))
		return -EINVAL;
	if (count - first == 2 && (parse_end(words[first], &out->from) || out->from.family != out->to.family))
		return -EINVAL;
	return 0;
}

bool flow_is_whole(const struct flow_wish *w)
{
	return w->protocol && w->from.family && w->from.port && w->to.port;
}

void flow_of_wish(const struct flow_wish *w, struct tg_flow *out)
{
	*out = (struct tg_flow){ .family = w->to.family, .protocol = w->protocol, .sport = w->from.port, .dport = w->to.port };
	memcpy(out->src, w->from.ip, w->to.family == 4 ? 4 : 16);
	memcpy(out->dst, w->to.ip, w->to.family == 4 ? 4 : 16);
}

char *flow_format(const struct flow_wish *w, char out[FLOW_TEXT_BYTES])
{
	char from[ADDR_TEXT_BYTES] = "any", to[ADDR_TEXT_BYTES];
	const char *protocol = w->protocol == TG_PROTO_TCP ? "tcp " : w->protocol == TG_PROTO_UDP ? "udp " : "";

	if (w->from.family)
		addr_format(&w->from, from);
	snprintf(out, FLOW_TEXT_BYTES, "%s%s -> %s", protocol, from, addr_format(&w->to, to));
	return out;
}

/* ---- sockets of this host ---- */

/* Addresses stand there as 32-bit words in the byte order of the host. */
static bool parse_hex(const char *text, u8 family, struct addr *out)
{
	u32 words = family == 4 ? 1 : 4, word, port;

	*out = (struct addr){ .family = family };
	for (u32 i = 0; i < words; i++, text += 8) {
		if (sscanf(text, "%8x", &word) != 1)
			return false;
		memcpy(out->ip + 4 * i, &word, 4);
	}
	if (sscanf(text, ":%4x", &port) != 1)
		return false;
	out->port = (u16)port;
	return true;
}

/* ::ffff:a.b.c.d is IPv4 on the wire. */
static void unmap(struct addr *a)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->family != 6 || memcmp(a->ip, mapped, 12))
		return;
	memmove(a->ip, a->ip + 12, 4);
	memset(a->ip + 4, 0, 12);
	a->family = 4;
}

bool flow_from_line(const char *line, u8 family, u8 protocol, struct flow_wish *out)
{
	char local[48], remote[48];
	u32 state;

	if (sscanf(line, " %*u: %47s %47s %x", local, remote, &state) != 3)
		return false;
	*out = (struct flow_wish){ .protocol = protocol };
	if (!parse_hex(local, family, &out->from) || !parse_hex(remote, family, &out->to))
		return false;
	unmap(&out->from);
	unmap(&out->to);
	return state == TCP_ESTABLISHED && out->to.port;	/* connected UDP sockets have the same state */
}

static bool end_fits(const struct addr *wish, const struct addr *found)
{
	if (!wish->family)
		return true;
	return addr_same_ip(wish, found) && (!wish->port || wish->port == found->port);
}

static bool fits(const struct flow_wish *wish, const struct flow_wish *found)
{
	if (wish->protocol && wish->protocol != found->protocol)
		return false;
	return end_fits(&wish->to, &found->to) && end_fits(&wish->from, &found->from);
}

u32 flow_find(const struct flow_wish *wish, struct flow_wish *out, u32 max)
{
	static const struct {
		const char *file;
		u8 family, protocol;
	} tables[] = {
		{ "/proc/net/tcp", 4, TG_PROTO_TCP }, { "/proc/net/tcp6", 6, TG_PROTO_TCP },
		{ "/proc/net/udp", 4, TG_PROTO_UDP }, { "/proc/net/udp6", 6, TG_PROTO_UDP },
	};
	char line[512];
	u32 count = 0;

	for (u32 i = 0; i < ARRAY_SIZE(tables); i++) {
		FILE *in = fopen(tables[i].file, "re");

		while (in && count < max && fgets(line, sizeof(line), in))
			if (flow_from_line(line, tables[i].family, tables[i].protocol, &out[count]) && fits(wish, &out[count]))
				count++;
		if (in)
			fclose(in);
	}
	return count;
}
