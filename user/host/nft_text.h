/* SPDX-License-Identifier: MIT */
/* nft_text.h - commands for nft, written as text and run as one transaction */
#ifndef TG_HOST_NFT_TEXT_H
#define TG_HOST_NFT_TEXT_H

#include <stdio.h>

#include "base/addr.h"
#include "host/inside.h"

/* Text that grows; an allocation that fails shows at the end. */
struct nft_text {
	FILE *f;
	char *start;
	size_t len;
};

int nft_text_open(struct nft_text *t);	/* 0 or -ENOMEM */

/* One line. */
void nft_add(struct nft_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Runs what was written, all of it or nothing, and frees it. 0 or errno with why[HOST_WHY_BYTES], which may be NULL. */
int nft_text_run(struct nft_text *t, char *why);
int nft_run(const char *commands, char *why);

/* Device names end up inside quotes. The kernel permits more letters than nft's quotes do. */
bool nft_device_is_fine(const char *name);

const char *nft_ip_word(u8 family);				/* "ip", "ip6" */
const char *nft_prefix(const struct prefix *p, char *out);	/* host bits cleared; out[ADDR_TEXT_BYTES] */
const char *nft_ip(const struct addr *a, char *out);		/* without port */

#endif
