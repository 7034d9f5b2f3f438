/* SPDX-License-Identifier: MIT */
/* policy_text.h - policies as people write them, on the command line and in files */
#ifndef TG_MANAGE_POLICY_TEXT_H
#define TG_MANAGE_POLICY_TEXT_H

#include <stdio.h>

#include "run/settings.h"

/* "mark", "cgroup", "dscp", "port" to enum tg_policy_kind; 0 when unknown. "auto", "realtime", "bulk", "bypass" to enum tg_class; -1. */
u32 policy_parse_kind(const char *name);
int policy_parse_class(const char *name);
const char *policy_kind_name(u32 kind);
const char *policy_class_name(u32 class);

/* Which packets: "7", "0x7"; "ef", "cs1", "46"; "443", "tcp/443"; a folder, which must be absolute and need not be there. Fills kind, value and
 * text. -EINVAL. */
int policy_parse_packets(struct policy *p, u32 kind, const char *text);

/* What policy_parse_packets() takes of this kind: "a number from 1 to 0xffffffff". */
const char *policy_packets_expects(u32 kind);

/* "port=5060,class=realtime,path=wwan0" */
void policy_print(FILE *out, const struct policy *p);

#endif
