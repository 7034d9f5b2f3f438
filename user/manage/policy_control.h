/* SPDX-License-Identifier: MIT */
/* policy_control.h - the control socket's commands about policies and the classifier, of client and server alike
 *
 *   {"command": "policy add", "kind": "mark|cgroup|dscp|port", "value": 7, "text": "0x7", "class": "realtime|bulk|bypass", "path": "wwan0"}
 *     class or path, or both, but for bypass; value as in struct tg_policy_key; text of a cgroup: its folder, which must be said
 *   {"command": "policy remove", "kind": "mark", "value": 7}; {..., "kind": "cgroup", "text": "/sys/fs/cgroup/..."}
 *   {"command": "policy list"} -> {"policies": [{"kind", "value", "text", "class", "path"}], "possible": true}
 *     possible: there is a classifier; a bypass needs none
 */
#ifndef TG_MANAGE_POLICY_CONTROL_H
#define TG_MANAGE_POLICY_CONTROL_H

#include <jansson.h>

#include "run/policy.h"

int policy_control_add(struct policies *p, const json_t *request, char error[RUN_ERROR_BYTES]);
int policy_control_remove(struct policies *p, const json_t *request, char error[RUN_ERROR_BYTES]);
int policy_control_list(const struct policies *p, json_t *answer);

#endif
