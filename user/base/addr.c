// SPDX-License-Identifier: MIT
/* addr.c - addresses and prefixes, to and from text and the kernel's form */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static int parse_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno || *end || *out > max ? -EINVAL : 0;
}

/* Splits "host", "host:port", "[host]" and "[host]:port". */
static int split_port(const char *text, char *host, size_t host_bytes, const char **port)
{
	const char *end, *start = text;

	*port = NULL;
	if (*text == '[') {
		start = text + 1;
		end = strchr(start, ']');
		if (!end)
			return -EINVAL;
		if (end[1] == ':')
			*port = end + 2;
		else if (end[1])
			return -EINVAL;
	} else {
		end = strchr(text, ':');
		if (end && !strchr(end + 1, ':'))
			*port = end + 1;
		else
			end = text + strlen(text);	/* none, or a bare IPv6 address */
	}
	if ((size_t)(end - start) >= host_bytes)
		return -EINVAL;
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	return 0;
}

static int parse_ip(const char *text, u8 *family, u8 *ip)
{
	memset(ip, 0, 16);
	if (inet_pton(AF_INET, text, ip) == 1)
		*family = 4;
	else if (inet_pton(AF_INET6, text, ip) == 1)
		*family = 6;
	else
		return -EINVAL;
	return 0;
}

int addr_parse(struct addr *a, const char *text, u16 default_port)
{
	char host[ADDR_TEXT_BYTES];
	unsigned long number = default_port;
	const char *port;
	char *scope;

	memset(a, 0, sizeof(*a));
	if (split_port(text, host, sizeof(host), &port))
		return -EINVAL;
	if (port ? parse_number(port, 65535, &number) : !default_port)
		return -EINVAL;
	scope = strchr(host, '%');
	if (scope) {
		*scope++ = '\0';
		a->scope = if_nametoindex(scope);
		if (!a->scope)
			return -EINVAL;
	}
	if (parse_ip(host, &a->family, a->ip)) {
		a->family = 0;
		return -EINVAL;
	}
	a->port = (u16)number;
	return 0;
}

static int inet_family(u8 family)
{
	return family == 6 ? AF_INET6 : AF_INET;
}

char *addr_format(const struct addr *a, char *out)
{
	char ip[INET6_ADDRSTRLEN];

	if (!a->family || !inet_ntop(inet_family(a->family), a->ip, ip, sizeof(ip)))
		snprintf(out, ADDR_TEXT_BYTES, "none");
	else if (!a->port)
		snprintf(out, ADDR_TEXT_BYTES, "%s", ip);
	else
		snprintf(out, ADDR_TEXT_BYTES, a->family == 6 ? "[%s]:%u" : "%s:%u", ip, a->port);
	return out;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_same_ip(a, b);
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*in6));
	if (a->family == 6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(a->port);
		in6->sin6_scope_id = a->scope;
		memcpy(&in6->sin6_addr, a->ip, 16);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(a->port);
	memcpy(&in->sin_addr, a->ip, 4);
	return sizeof(*in);
}

void addr_from_sockaddr(struct addr *a, const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET) {
		a->family = 4;
		a->port = ntohs(in->sin_port);
		memcpy(a->ip, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		a->family = mapped ? 4 : 6;
		a->port = ntohs(in6->sin6_port);
		a->scope = mapped ? 0 : in6->sin6_scope_id;
		memcpy(a->ip, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
	}
}

int prefix_parse(struct prefix *p, const char *text)
{
	char host[ADDR_TEXT_BYTES];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;

	memset(p, 0, sizeof(*p));
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (parse_ip(host, &p->family, p->ip)) {
		p->family = 0;
		return -EINVAL;
	}
	bits = p->family == 6 ? 128 : 32;
	if (slash && parse_number(slash + 1, bits, &bits)) {
		p->family = 0;
		return -EINVAL;
	}
	p->len = (u8)bits;
	return 0;
}

char *prefix_format(const struct prefix *p, char *out)
{
	char ip[INET6_ADDRSTRLEN];

	if (!p->family || !inet_ntop(inet_family(p->family), p->ip, ip, sizeof(ip)))
		snprintf(out, ADDR_TEXT_BYTES, "none");
	else
		snprintf(out, ADDR_TEXT_BYTES, "%s/%u", ip, p->len);
	return out;
}

void prefix_mask(struct prefix *p)
{
	for (unsigned int i = 0; i < 16; i++) {
		if (i * 8 >= p->len)
			p->ip[i] = 0;
		else if (p->len - i * 8 < 8)
			p->ip[i] &= (u8)(0xff << (8 - (p->len - i * 8)));
	}
}

static bool same_bits(const u8 *a, const u8 *b, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes))
		return false;
	return !rest || ((a[bytes] ^ b[bytes]) & (u8)(0xff << (8 - rest))) == 0;
}

bool prefix_contains(const struct prefix *p, u8 family, const u8 *ip)
{
	return p->family == family && same_bits(p->ip, ip, p->len);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->family && a->family == b->family && same_bits(a->ip, b->ip, MIN(a->len, b->len));
}
