// SPDX-License-Identifier: MIT
/* daemon_control.h - what can be asked of a running client or server
 *
 * "status" of a server has what its firewall dropped when the request says "detailed": true; "counters" always has.
 *
 *   client:  status, uplink list, uplink add, uplink remove, uplink set, record
 *   server:  status, clients list, clients reload, clients revoke
 *   both:    why, flows, config reload, policy add, policy remove, policy list, attach lanes, attach filter, detach lanes, detach filter, stop,
 *            log level, log read
 */
#ifndef TG_MANAGE_DAEMON_CONTROL_H
#define TG_MANAGE_DAEMON_CONTROL_H

#include "manage/control.h"
#include "run/client.h"
#include "run/server.h"
#include "server/accounts.h"

/* ctx of client_commands: the struct client. */
extern const struct control_command client_commands[];

struct server_control {
	struct server *server;
	struct accounts *accounts;
	json_t *found_at;	/* said in the status, too: where clients find it, its public key. NULL: nothing */
};

/* ctx of server_commands: a struct server_control. */
extern const struct control_command server_commands[];

#endif
