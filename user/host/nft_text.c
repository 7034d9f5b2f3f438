// SPDX-License-Identifier: MIT
/* nft_text.c - commands for nft, written as text and run as one transaction */
#include "host/nft_text.h"

#include <ctype.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdlib.h>

int nft_text_open(struct nft_text *t)
{
	t->start = NULL;
	t->f = open_memstream(&t->start, &t->len);
	return t->f ? 0 : -ENOMEM;
}

void nft_add(struct nft_text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(t->f, fmt, args);
	va_end(args);
	fputc('\n', t->f);
}

static int first_line(char *why, const char *error)
{
	const char *end = strchr(error, '\n');
	int len = end ? (int)(end - error) : (int)strlen(error);
	int err = strstr(error, "Operation not permitted") ? -EPERM : -EIO;

	return host_fail(why, err, "nft: %.*s", len, error);
}

int nft_run(const char *commands, char *why)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	int err = 0;

	if (!nft)
		return host_fail(why, -ENOMEM, "nft: out of memory");
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	if (nft_run_cmd_from_buffer(nft, commands))
		err = first_line(why, nft_ctx_get_error_buffer(nft));
	nft_ctx_free(nft);
	return err;
}

int nft_text_run(struct nft_text *t, char *why)
{
	bool broken = ferror(t->f);
	int err;

	broken |= fclose(t->f) != 0;
	err = broken ? host_fail(why, -ENOMEM, "nft: out of memory") : nft_run(t->start, why);
	free(t->start);
	return err;
}

bool nft_device_is_fine(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= IFNAMSIZ)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_-.@", name[i]))
			return false;
	return true;
}

const char *nft_ip_word(u8 family)
{
	return family == 6 ? "ip6" : "ip";
}

const char *nft_prefix(const struct prefix *p, char *out)
{
	struct prefix masked = *p;

	prefix_mask(&masked);
	return prefix_format(&masked, out);
}

const char *nft_ip(const struct addr *a, char *out)
{
	struct addr bare = *a;

	bare.port = 0;
	return addr_format(&bare, out);
}
