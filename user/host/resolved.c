// SPDX-License-Identifier: MIT
/* resolved.c - tell systemd-resolved, over D-Bus, to ask these servers for all names
 *
 * What is set belongs to the tunnel device and vanishes with it, so a killed instance leaves nothing.
 */
#include <systemd/sd-bus.h>

#include "host/dns.h"
#include "host/inside.h"

#define RESOLVED "org.freedesktop.resolve1"
#define RESOLVED_PATH "/org/freedesktop/resolve1"
#define RESOLVED_MANAGER "org.freedesktop.resolve1.Manager"
#define WAIT_US (5 * SEC)

static int open_bus(sd_bus **bus, const char *address)
{
	int err;

	if (!address || !*address)
		return sd_bus_open_system(bus);
	err = sd_bus_new(bus);
	if (err >= 0)
		err = sd_bus_set_address(*bus, address);
	if (err >= 0)
		err = sd_bus_set_bus_client(*bus, 1);
	return err < 0 ? err : sd_bus_start(*bus);
}

/* Asked of the bus itself: asking resolved would start it where it is only installed. */
static bool resolved_runs(sd_bus *bus)
{
	sd_bus_message *reply = NULL;
	int owned = 0;

	if (sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
			       NULL, &reply, "s", RESOLVED) >= 0)
		sd_bus_message_read(reply, "b", &owned);
	sd_bus_message_unref(reply);
	return owned;
}

/* a(iay): family and address of each server */
static int append_servers(sd_bus_message *m, const struct host_dns *set)
{
	int err = sd_bus_message_open_container(m, 'a', "(iay)");

	for (u32 i = 0; i < set->server_count && err >= 0; i++) {
		const struct addr *a = &set->servers[i];

		err = sd_bus_message_open_container(m, 'r', "iay");
		if (err >= 0)
			err = sd_bus_message_append(m, "i", af_of(a->family));
		if (err >= 0)
			err = sd_bus_message_append_array(m, 'y', a->ip, (size_t)ip_bytes(a->family));
		if (err >= 0)
			err = sd_bus_message_close_container(m);
	}
	return err < 0 ? err : sd_bus_message_close_container(m);
}

static int set_servers(sd_bus *bus, const struct host_dns *set)
{
	sd_bus_message *m = NULL;
	int err = sd_bus_message_new_method_call(bus, &m, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, "SetLinkDNS");

	if (err >= 0)
		err = sd_bus_message_append(m, "i", (int)set->tun_ifindex);
	if (err >= 0)
		err = append_servers(m, set);
	if (err >= 0)
		err = sd_bus_call(bus, m, WAIT_US, NULL, NULL);
	sd_bus_message_unref(m);
	return err;
}

/* "~." routes every name to this device's servers. */
static int take_all_names(sd_bus *bus, u32 ifindex)
{
	int err = sd_bus_call_method(bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, "SetLinkDomains", NULL, NULL, "ia(sb)",
				     (int)ifindex, 1, ".", 1);

	if (err < 0)
		return err;
	/* both are refinements: an old resolved without them still works */
	sd_bus_call_method(bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, "SetLinkDefaultRoute", NULL, NULL, "ib",
			   (int)ifindex, 1);
	sd_bus_call_method(bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, "FlushCaches", NULL, NULL, "");
	return 0;
}

int resolved_set(struct host *h, const struct host_dns *set, char *why)
{
	sd_bus *bus = NULL;
	int err = open_bus(&bus, set->bus_address);

	if (err < 0 || !resolved_runs(bus)) {
		sd_bus_flush_close_unref(bus);
		return -ENOENT;
	}
	h->resolved_used = true;
	h->resolved_ifindex = set->tun_ifindex;
	snprintf(h->bus_address, sizeof(h->bus_address), "%s", set->bus_address ? set->bus_address : "");
	err = set_servers(bus, set);
	if (err >= 0)
		err = take_all_names(bus, set->tun_ifindex);
	sd_bus_flush_close_unref(bus);
	return err < 0 ? host_fail(why, err, "systemd-resolved refused the name servers: %s", strerror(-err)) : 0;
}

int resolved_restore(struct host *h)
{
	sd_bus *bus = NULL;

	if (!h->resolved_used)
		return 0;
	h->resolved_used = false;
	/* no error when the device, and with it the setting, is gone already */
	if (open_bus(&bus, h->bus_address) >= 0)
		sd_bus_call_method(bus, RESOLVED, RESOLVED_PATH, RESOLVED_MANAGER, "RevertLink", NULL, NULL, "i",
				   (int)h->resolved_ifindex);
	sd_bus_flush_close_unref(bus);
	return 0;
}
