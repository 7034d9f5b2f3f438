// SPDX-License-Identifier: MIT
/* dns.c - the host's name servers while the tunnel is up: resolved, resolv.conf, or both
 *
 * Where resolved runs it is told, since programs may ask it directly; where resolv.conf does not lead to
 * resolved's own listener it is replaced as well, or programs that read it would go past the tunnel.
 */
#include "host/dns.h"

#include "host/inside.h"

int host_dns_set(struct host *h, const struct host_dns *set, char *why)
{
	int err;

	if (!set->server_count)
		return host_fail(why, -EINVAL, "no name servers given");
	err = set->no_resolved ? -ENOENT : resolved_set(h, set, why);
	if (!err && resolvconf_uses_stub(set->resolv_conf))
		return 0;
	if (err && err != -ENOENT)
		return err;
	err = resolvconf_set(h, set, why);
	if (err)
		resolved_restore(h);
	return err;
}

int host_dns_restore(struct host *h)
{
	int err = resolved_restore(h), file = resolvconf_restore(h);

	return file ? file : err;
}
