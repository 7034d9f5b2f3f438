// SPDX-License-Identifier: MIT
/* nft.c - the firewall tables: server, client, kill switch
 *
 * A table is written as text, in which "add, delete, add again" makes one transaction that
 * works whether or not the table was there.
 */
#include "host/nft.h"

#include "host/nft_text.h"

/* Not for clients unless allowed: private use, loopback, link-local, shared (RFC 6598), protocol assignments,
 * multicast, reserved; and the address at which one large cloud answers its machines. */
#define PRIVATE4 "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16/32, 169.254.0.0/16, " \
		 "172.16.0.0/12, 192.0.0.0/24, 192.168.0.0/16, 224.0.0.0/3"
/* Unspecified and loopback, IPv4 in disguise, unique local, link-local and site-local, multicast. */
#define PRIVATE6 "::/127, ::ffff:0:0/96, 64:ff9b:1::/48, fc00::/7, fe80::/9, ff00::/8"

bool host_nft_is_private(const struct addr *a)
{
	char list[] = PRIVATE4 ", " PRIVATE6, *rest = list, *word;
	struct prefix p;

	while ((word = strsep(&rest, ", ")))
		if (*word && !prefix_parse(&p, word) && prefix_contains(&p, a->family, a->ip))
			return true;
	return false;
}

static int begin(struct nft_text *t, const struct host *h, const char *ending, const char *tun, char *why)
{
	if (!nft_device_is_fine(tun))
		return host_fail(why, -EINVAL, "device name \"%s\": letters, digits, '_', '-', '.'", tun);
	if (nft_text_open(t))
		return host_fail(why, -ENOMEM, "nft: out of memory");
	nft_add(t, "table inet %s%s {}", h->nft_name, ending);
	nft_add(t, "delete table inet %s%s", h->nft_name, ending);
	nft_add(t, "table inet %s%s {", h->nft_name, ending);
	return 0;
}

static int remove_table(const struct host *h, const char *ending)
{
	char commands[256];

	snprintf(commands, sizeof(commands), "table inet %s%s {}\ndelete table inet %s%s\n", h->nft_name, ending,
		 h->nft_name, ending);
	return nft_run(commands, NULL);
}

static void add_mss_clamp(struct nft_text *t, const char *tun)
{
	nft_add(t, "chain mss { type filter hook forward priority mangle;");
	nft_add(t, "  iifname \"%s\" tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu", tun);
	nft_add(t, "  oifname \"%s\" tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu", tun);
	nft_add(t, "}");
}

/* Before routing and connection tracking, so that neither this host nor anything behind it sees them. */
static void add_source_check(struct nft_text *t, const char *tun, const struct prefix *pool, u8 family)
{
	char text[ADDR_TEXT_BYTES];

	if (pool->family)
		nft_add(t, "  iifname \"%s\" %s saddr != %s counter name source drop", tun, nft_ip_word(family), nft_prefix(pool, text));
	else
		nft_add(t, "  iifname \"%s\" meta nfproto ipv%u counter name source drop", tun, family);
}

static void add_from_clients(struct nft_text *t, const struct host_nft_server *set)
{
	char text[ADDR_TEXT_BYTES];

	nft_add(t, "chain from_clients {");
	if (set->client_to_client)
		nft_add(t, "  oifname \"%s\" accept", set->tun);
	else
		nft_add(t, "  oifname \"%s\" counter name client_to_client drop", set->tun);
	for (u32 i = 0; i < set->allow_count; i++)
		nft_add(t, "  %s daddr %s accept", nft_ip_word(set->allow[i].family), nft_prefix(&set->allow[i], text));
	nft_add(t, "  ip daddr { " PRIVATE4 " } counter name private_destination drop");
	nft_add(t, "  ip6 daddr { " PRIVATE6 " } counter name private_destination drop");
	nft_add(t, "  accept");
	nft_add(t, "}");
}

static void add_to_clients(struct nft_text *t, const struct host_nft_server *set)
{
	nft_add(t, "chain to_clients {");
	nft_add(t, "  ct state established,related accept");
	if (!set->masquerade4)
		nft_add(t, "  meta nfproto ipv4 accept");
	if (!set->masquerade6)
		nft_add(t, "  meta nfproto ipv6 accept");
	nft_add(t, "  counter name inbound drop");
	nft_add(t, "}");
}

static void add_to_host(struct nft_text *t, const struct host_nft_server *set)
{
	char ip4[ADDR_TEXT_BYTES], ip6[ADDR_TEXT_BYTES];

	nft_add(t, "chain to_host {");
	nft_add(t, "  ct state established,related accept");
	if (set->inner4.family) {
		nft_ip(&set->inner4, ip4);
		nft_add(t, "  ip daddr %s icmp type echo-request accept", ip4);
		if (set->dns)
			nft_add(t, "  ip daddr %s meta l4proto { tcp, udp } th dport 53 accept", ip4);
	}
	if (set->inner6.family) {
		nft_ip(&set->inner6, ip6);
		nft_add(t, "  ip6 daddr %s icmpv6 type echo-request accept", ip6);
		if (set->dns)
			nft_add(t, "  ip6 daddr %s meta l4proto { tcp, udp } th dport 53 accept", ip6);
	}
	nft_add(t, "  counter name to_host drop");
	nft_add(t, "}");
}

static void add_masquerade(struct nft_text *t, const struct host_nft_server *set)
{
	char text[ADDR_TEXT_BYTES];

	nft_add(t, "chain postrouting { type nat hook postrouting priority srcnat;");
	if (set->pool4.family && set->masquerade4)
		nft_add(t, "  ip saddr %s oifname != \"%s\" masquerade", nft_prefix(&set->pool4, text), set->tun);
	if (set->pool6.family && set->masquerade6)
		nft_add(t, "  ip6 saddr %s oifname != \"%s\" masquerade", nft_prefix(&set->pool6, text), set->tun);
	nft_add(t, "}");
}

int host_nft_server(struct host *h, const struct host_nft_server *set, char *why)
{
#define NAME(name, help) #name,
	static const char *const counters[] = { HOST_NFT_DROPS(NAME) };
#undef NAME
	struct nft_text t;
	int err = begin(&t, h, "", set->tun, why);

	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		nft_add(&t, "counter %s {}", counters[i]);
	nft_add(&t, "chain sources { type filter hook prerouting priority raw;");
	add_source_check(&t, set->tun, &set->pool4, 4);
	add_source_check(&t, set->tun, &set->pool6, 6);
	nft_add(&t, "}");
	add_from_clients(&t, set);
	add_to_clients(&t, set);
	add_to_host(&t, set);
	nft_add(&t, "chain forward { type filter hook forward priority filter;");
	nft_add(&t, "  iifname \"%s\" jump from_clients", set->tun);
	nft_add(&t, "  oifname \"%s\" jump to_clients", set->tun);
	nft_add(&t, "}");
	nft_add(&t, "chain input { type filter hook input priority filter; iifname \"%s\" jump to_host; }", set->tun);
	add_mss_clamp(&t, set->tun);
	add_masquerade(&t, set);
	nft_add(&t, "}");
	return nft_text_run(&t, why);
}

int host_nft_server_remove(struct host *h)
{
	return remove_table(h, "");
}

int host_nft_client(struct host *h, const struct host_nft_client *set, char *why)
{
	char text[ADDR_TEXT_BYTES];
	struct nft_text t;
	int err = begin(&t, h, "_client", set->tun, why);

	if (err)
		return err;
	add_mss_clamp(&t, set->tun);
	nft_add(&t, "chain postrouting { type nat hook postrouting priority srcnat;");
	if (set->inner4.family)
		nft_add(&t, "  oifname \"%s\" ip saddr != %s masquerade", set->tun, nft_ip(&set->inner4, text));
	if (set->inner6.family)
		nft_add(&t, "  oifname \"%s\" ip6 saddr != %s masquerade", set->tun, nft_ip(&set->inner6, text));
	nft_add(&t, "}");
	nft_add(&t, "}");
	return nft_text_run(&t, why);
}

int host_nft_client_remove(struct host *h)
{
	return remove_table(h, "_client");
}

/* What may leave, for packets of this host and for forwarded ones alike. */
static void add_may_leave(struct nft_text *t, const struct host *h, const struct host_nft_kill_switch *set)
{
	char text[ADDR_TEXT_BYTES];

	nft_add(t, "chain may_leave {");
	nft_add(t, "  oifname { \"lo\", \"%s\" } accept", set->tun);
	nft_add(t, "  meta mark %#x accept", h->base);
	nft_add(t, "  udp sport 68 udp dport 67 accept");
	nft_add(t, "  udp sport 546 udp dport 547 accept");
	nft_add(t, "  icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, "
	       "mld-listener-report, mld-listener-done, mld2-listener-report } accept");
	if (set->block_dns)
		nft_add(t, "  meta l4proto { tcp, udp } th dport { 53, 853 } counter reject");
	for (u32 i = 0; i < set->allow_count; i++)
		nft_add(t, "  %s daddr %s accept", nft_ip_word(set->allow[i].family), nft_prefix(&set->allow[i], text));
	nft_add(t, "  counter reject with icmpx admin-prohibited");
	nft_add(t, "}");
}

int host_nft_kill_switch(struct host *h, const struct host_nft_kill_switch *set, char *why)
{
	struct nft_text t;
	int err = begin(&t, h, "_ks", set->tun, why);

	if (err)
		return err;
	add_may_leave(&t, h, set);
	nft_add(&t, "chain output { type filter hook output priority filter; policy drop; jump may_leave; }");
	nft_add(&t, "chain forward { type filter hook forward priority filter; policy drop;");
	nft_add(&t, "  iifname \"%s\" accept", set->tun);
	nft_add(&t, "  jump may_leave");
	nft_add(&t, "}");
	nft_add(&t, "}");
	return nft_text_run(&t, why);
}

char *host_nft_kill_switch_table(const struct host *h, char *out)
{
	snprintf(out, HOST_WHY_BYTES, "%s_ks", h->nft_name);
	return out;
}

int host_nft_kill_switch_remove(struct host *h)
{
	return remove_table(h, "_ks");
}

int host_nft_sweep(struct host *h, enum host_nft_keep keep)
{
	int server, client, ks;

	if (keep == HOST_NFT_KEEP_ALL)
		return 0;
	server = host_nft_server_remove(h);
	client = host_nft_client_remove(h);
	ks = keep == HOST_NFT_KEEP_KILL_SWITCH ? 0 : host_nft_kill_switch_remove(h);
	return server ? server : client ? client : ks;
}
