// SPDX-License-Identifier: MIT
/* keys.c - tg1_ and tg2_ key strings, to and from struct key_string
 *
 * Inside: public key, for tg2_ client id and secret, then items. Items 1 and 2 are addresses of
 * known size; from 0x10 on an item is type, length, value, so unknown ones can be skipped. The
 * check is the last item and covers all before it.
 */
#include "crypto/keys.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/hash.h"

#define PREFIX_CHARS 4u
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
#define BINARY_BYTES (KEYS_TEXT_BYTES * 3u / 4u)
#define NAME_MAX_BYTES 253u	/* 255 of an item less the port; also the longest DNS name */

enum item {
	ITEM_IPV4 = 1,
	ITEM_IPV6 = 2,
	ITEM_HOST = 0x10,	/* first of those with a length */
	ITEM_SUITES = 0x11,
	ITEM_TCP_PORT = 0x12,
	ITEM_CHECK = 0x1f,
};

#define CHECK_BYTES 4u

/* What is left to read. */
struct reader {
	const u8 *start;
	const u8 *pos;
	const u8 *end;
	char *error;
};

static int refuse(char *error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int refuse(char *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, KEYS_ERROR_BYTES, fmt, args);
	va_end(args);
	return -EINVAL;
}

size_t keys_base64url(const u8 *data, size_t n, char *out, size_t out_bytes)
{
	size_t len = (n * 4 + 2) / 3;

	if (out_bytes <= len)
		return 0;
	sodium_bin2base64(out, out_bytes, data, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return len;
}

int keys_from_base64url(const char *text, size_t len, u8 *out, size_t out_bytes)
{
	size_t n;

	if (sodium_base642bin(out, out_bytes, text, len, NULL, &n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return -EINVAL;
	return (int)n;
}

/* The next n bytes, or NULL when the string ends before. */
static const u8 *take(struct reader *r, size_t n)
{
	const u8 *p = r->pos;

	if ((size_t)(r->end - r->pos) < n)
		return NULL;
	r->pos += n;
	return p;
}

static int cut_off(struct reader *r)
{
	return refuse(r->error, "the key string is cut off: its last part is missing");
}

static int read_identity(struct key_string *k, struct reader *r)
{
	const u8 *p = take(r, 32);

	if (!p)
		return cut_off(r);
	memcpy(k->server_public, p, 32);
	if (!k->has_client)
		return 0;
	p = take(r, 40);
	if (!p)
		return cut_off(r);
	memcpy(k->client_id, p, 8);
	memcpy(k->client_secret, p + 8, 32);
	return 0;
}

static int read_address(struct key_string *k, struct reader *r, u8 type)
{
	u32 ip_bytes = type == ITEM_IPV6 ? 16 : 4;
	const u8 *p = take(r, ip_bytes + 2);
	struct addr *a;

	if (!p)
		return cut_off(r);
	if (k->addr_count == KEYS_MAX_ADDRS)
		return refuse(r->error, "the key string has more than %d addresses", KEYS_MAX_ADDRS);
	a = &k->addrs[k->addr_count++];
	a->family = type == ITEM_IPV6 ? 6 : 4;
	memcpy(a->ip, p, ip_bytes);
	a->port = get_be16(p + ip_bytes);
	if (!a->port)
		return refuse(r->error, "the key string has an address with port 0");
	return 0;
}

static int read_host(struct key_string *k, struct reader *r, const u8 *value, u8 len)
{
	if (len < 3 || k->host[0])
		return refuse(r->error, "the key string has %s", k->host[0] ? "two host names" : "an empty host name");
	k->host_port = get_be16(value);
	memcpy(k->host, value + 2, len - 2u);
	k->host[len - 2] = '\0';
	if (strspn(k->host, NAME_LETTERS) != len - 2u)
		return refuse(r->error, "the key string has a host name with letters that no host name has");
	if (!k->host_port)
		return refuse(r->error, "the key string has a host name with port 0");
	return 0;
}

static int read_suites(struct key_string *k, struct reader *r, const u8 *value, u8 len)
{
	if (len != 1 || !value[0] || k->suites)
		return refuse(r->error, "the key string names its ciphers in a way this version does not know");
	k->suites = value[0];
	return 0;
}

static int read_tcp_port(struct key_string *k, struct reader *r, const u8 *value, u8 len)
{
	if (len != 2 || !get_be16(value) || k->tcp_port)
		return refuse(r->error, "the key string has a TCP port that is none");
	k->tcp_port = get_be16(value);
	return 0;
}

/* `value` stands right behind the item's type and length. */
static int read_check(struct reader *r, const u8 *value, u8 len)
{
	u8 expected[32];

	if (len != CHECK_BYTES)
		return refuse(r->error, "the key string has a check of %u bytes, not %u", len, CHECK_BYTES);
	blake3(r->start, (size_t)(value - 2 - r->start), expected);
	if (memcmp(value, expected, CHECK_BYTES))
		return refuse(r->error, "the key string's check does not match: it was mistyped or changed");
	if (r->pos != r->end)
		return refuse(r->error, "the key string goes on behind its end: something else was pasted with it");
	return 0;
}

static int read_item(struct key_string *k, struct reader *r, u8 type)
{
	const u8 *len = take(r, 1);
	const u8 *value = len ? take(r, *len) : NULL;

	if (!value)
		return cut_off(r);
	switch (type) {
	case ITEM_HOST: return read_host(k, r, value, *len);
	case ITEM_SUITES: return read_suites(k, r, value, *len);
	case ITEM_TCP_PORT: return read_tcp_port(k, r, value, *len);
	case ITEM_CHECK: return read_check(r, value, *len);
	default: return 0;	/* of a later version: not for us */
	}
}

static int read_items(struct key_string *k, struct reader *r)
{
	const u8 *type;
	int err = 0;

	while (!err && (type = take(r, 1))) {
		if (*type == ITEM_IPV4 || *type == ITEM_IPV6)
			err = read_address(k, r, *type);
		else if (*type >= ITEM_HOST)
			err = read_item(k, r, *type);
		else
			err = refuse(r->error, "the key string has an address of unknown type %u: mistyped, "
				     "or made by a newer version", *type);
	}
	if (!err && !k->addr_count && !k->host[0])
		err = refuse(r->error, "the key string has no address: it does not say where the server is");
	return err;
}

static int read_prefix(struct key_string *k, const char *text, size_t len, char *error)
{
	if (!len)
		return refuse(error, "the key string is empty");
	if (len < PREFIX_CHARS || (strncmp(text, "tg1_", PREFIX_CHARS) && strncmp(text, "tg2_", PREFIX_CHARS)))
		return refuse(error, "a key string starts with tg1_ or tg2_, this one does not");
	k->has_client = text[2] == '2';
	return 0;
}

/* Letters to bytes; returns how many, or -EINVAL. */
static int decode(const char *text, size_t len, u8 *out, char *error)
{
	size_t good = strspn(text, LETTERS);
	int n;

	if (good < len && isprint((u8)text[good]))
		return refuse(error, "the key string has '%c' at position %zu, which no key string has", text[good],
			      PREFIX_CHARS + good + 1);
	if (good < len)
		return refuse(error, "the key string has byte 0x%02x at position %zu, which no key string has",
			      (u8)text[good], PREFIX_CHARS + good + 1);
	n = keys_from_base64url(text, len, out, BINARY_BYTES);
	if (n < 0)
		return refuse(error, "the key string is cut off: it ends in the middle of a byte");
	return n;
}

int keys_parse(struct key_string *k, const char *text, char error[KEYS_ERROR_BYTES])
{
	u8 binary[BINARY_BYTES];
	size_t len;
	int n;

	memset(k, 0, sizeof(*k));
	error[0] = '\0';
	while (isspace((u8)*text))
		text++;
	len = strnlen(text, KEYS_TEXT_BYTES);
	while (len && isspace((u8)text[len - 1]))
		len--;
	if (len >= KEYS_TEXT_BYTES)
		return refuse(error, "the key string is longer than any can be (%u letters)", KEYS_TEXT_BYTES - 1);

	n = read_prefix(k, text, len, error);
	if (!n)
		n = decode(text + PREFIX_CHARS, len - PREFIX_CHARS, binary, error);
	if (n >= 0) {
		struct reader r = { .start = binary, .pos = binary, .end = binary + n, .error = error };

		n = read_identity(k, &r);
		if (!n)
			n = read_items(k, &r);
	}
	sodium_memzero(binary, sizeof(binary));
	if (n)
		sodium_memzero(k, sizeof(*k));
	return n;
}

static u8 *write_address(u8 *p, const struct addr *a)
{
	u32 ip_bytes = a->family == 6 ? 16 : 4;

	*p++ = a->family == 6 ? ITEM_IPV6 : ITEM_IPV4;
	memcpy(p, a->ip, ip_bytes);
	put_be16(p + ip_bytes, a->port);
	return p + ip_bytes + 2;
}

static u8 *write_item(u8 *p, u8 type, const void *value, size_t len)
{
	*p++ = type;
	*p++ = (u8)len;
	memcpy(p, value, len);
	return p + len;
}

static u8 *write_host(u8 *p, const char *host, u16 port)
{
	u8 value[255];
	size_t len = strlen(host);

	put_be16(value, port);
	memcpy(value + 2, host, len);
	return write_item(p, ITEM_HOST, value, len + 2);
}

static u8 *write_options(u8 *p, const struct key_string *k)
{
	u8 port[2];

	if (k->host[0])
		p = write_host(p, k->host, k->host_port);
	if (k->suites)
		p = write_item(p, ITEM_SUITES, &k->suites, 1);
	if (k->tcp_port) {
		put_be16(port, k->tcp_port);
		p = write_item(p, ITEM_TCP_PORT, port, sizeof(port));
	}
	return p;
}

static u8 *write_identity(u8 *p, const struct key_string *k)
{
	memcpy(p, k->server_public, 32);
	p += 32;
	if (!k->has_client)
		return p;
	memcpy(p, k->client_id, 8);
	memcpy(p + 8, k->client_secret, 32);
	return p + 40;
}

/* Would keys_parse() take it? */
static bool is_whole(const struct key_string *k)
{
	size_t host_len = strnlen(k->host, sizeof(k->host));

	if (k->addr_count > KEYS_MAX_ADDRS || (!k->addr_count && !host_len))
		return false;
	for (u32 i = 0; i < k->addr_count; i++) {
		if ((k->addrs[i].family != 4 && k->addrs[i].family != 6) || !k->addrs[i].port)
			return false;
	}
	return !host_len || (k->host_port && host_len <= NAME_MAX_BYTES && strspn(k->host, NAME_LETTERS) == host_len);
}

int keys_format(const struct key_string *k, char *out, size_t out_bytes)
{
	u8 binary[BINARY_BYTES], check[32];
	u8 *p;
	int err = 0;

	if (!is_whole(k))
		return -EINVAL;
	if (out_bytes <= PREFIX_CHARS)
		return -ENOSPC;
	p = write_identity(binary, k);
	for (u32 i = 0; i < k->addr_count; i++)
		p = write_address(p, &k->addrs[i]);
	p = write_options(p, k);
	blake3(binary, (size_t)(p - binary), check);
	p = write_item(p, ITEM_CHECK, check, CHECK_BYTES);

	memcpy(out, k->has_client ? "tg2_" : "tg1_", PREFIX_CHARS);
	if (!keys_base64url(binary, (size_t)(p - binary), out + PREFIX_CHARS, out_bytes - PREFIX_CHARS)) {
		out[0] = '\0';
		err = -ENOSPC;
	}
	sodium_memzero(binary, sizeof(binary));
	return err;
}

_Static_assert(32 + 40 + KEYS_MAX_ADDRS * 19 + 2 + 255 + 3 + 4 + 2 + CHECK_BYTES <= BINARY_BYTES,
	       "the longest key string must fit");
