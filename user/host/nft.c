// SPDX-License-Identifier: MIT
/* nft.c - the firewall tables: server, client, kill switch
 *
 * A table is written as text, in which "add, delete, add again" makes one transaction that
 * works whether or not the table was there.
 */
#include "host/nft.h"

#include <ctype.h>
#include <jansson.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdlib.h>

#include "host/inside.h"

/* Not for clients unless allowed: private use, loopback, link-local, shared (RFC 6598), protocol assignments,
 * multicast, reserved; and the address at which one large cloud answers its machines. */
#define PRIVATE4 "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16/32, 169.254.0.0/16, " \
		 "172.16.0.0/12, 192.0.0.0/24, 192.168.0.0/16, 224.0.0.0/3"
/* Unspecified and loopback, IPv4 in disguise, unique local, link-local and site-local, multicast. */
#define PRIVATE6 "::/127, ::ffff:0:0/96, 64:ff9b:1::/48, fc00::/7, fe80::/9, ff00::/8"

/* Text that grows; an allocation that fails shows at the end. */
struct text {
	FILE *f;
	char *start;
	size_t len;
};

static int text_open(struct text *t)
{
	t->start = NULL;
	t->f = open_memstream(&t->start, &t->len);
	return t->f ? 0 : -ENOMEM;
}

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
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

static int run_text(const char *commands, char *why)
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

static int text_run(struct text *t, char *why)
{
	bool broken = ferror(t->f);
	int err;

	broken |= fclose(t->f) != 0;
	err = broken ? host_fail(why, -ENOMEM, "nft: out of memory") : run_text(t->start, why);
	free(t->start);
	return err;
}

/* Device names end up inside quotes. The kernel permits more letters than nft's quotes do. */
static bool device_is_fine(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= IFNAMSIZ)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_-.@", name[i]))
			return false;
	return true;
}

static int begin(struct text *t, const struct host *h, const char *ending, const char *tun, char *why)
{
	if (!device_is_fine(tun))
		return host_fail(why, -EINVAL, "device name \"%s\": letters, digits, '_', '-', '.'", tun);
	if (text_open(t))
		return host_fail(why, -ENOMEM, "nft: out of memory");
	add(t, "table inet %s%s {}", h->nft_name, ending);
	add(t, "delete table inet %s%s", h->nft_name, ending);
	add(t, "table inet %s%s {", h->nft_name, ending);
	return 0;
}

static int remove_table(const struct host *h, const char *ending)
{
	char commands[256];

	snprintf(commands, sizeof(commands), "table inet %s%s {}\ndelete table inet %s%s\n", h->nft_name, ending,
		 h->nft_name, ending);
	return run_text(commands, NULL);
}

static const char *ip_word(u8 family)
{
	return family == 6 ? "ip6" : "ip";
}

static const char *prefix_text(const struct prefix *p, char *out)
{
	struct prefix masked = *p;

	prefix_mask(&masked);
	return prefix_format(&masked, out);
}

static const char *ip_text(const struct addr *a, char *out)
{
	struct addr bare = *a;

	bare.port = 0;
	return addr_format(&bare, out);
}

static void add_mss_clamp(struct text *t, const char *tun)
{
	add(t, "chain mss { type filter hook forward priority mangle;");
	add(t, "  iifname \"%s\" tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu", tun);
	add(t, "  oifname \"%s\" tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu", tun);
	add(t, "}");
}

/* Before routing and connection tracking, so that neither this host nor anything behind it sees them. */
static void add_source_check(struct text *t, const char *tun, const struct prefix *pool, u8 family)
{
	char text[ADDR_TEXT_BYTES];

	if (pool->family)
		add(t, "  iifname \"%s\" %s saddr != %s counter name source drop", tun, ip_word(family), prefix_text(pool, text));
	else
		add(t, "  iifname \"%s\" meta nfproto ipv%u counter name source drop", tun, family);
}

static void add_from_clients(struct text *t, const struct host_nft_server *set)
{
	char text[ADDR_TEXT_BYTES];

	add(t, "chain from_clients {");
	if (set->client_to_client)
		add(t, "  oifname \"%s\" accept", set->tun);
	else
		add(t, "  oifname \"%s\" counter name client_to_client drop", set->tun);
	for (u32 i = 0; i < set->allow_count; i++)
		add(t, "  %s daddr %s accept", ip_word(set->allow[i].family), prefix_text(&set->allow[i], text));
	add(t, "  ip daddr { " PRIVATE4 " } counter name private_destination drop");
	add(t, "  ip6 daddr { " PRIVATE6 " } counter name private_destination drop");
	add(t, "  accept");
	add(t, "}");
}

static void add_to_clients(struct text *t, const struct host_nft_server *set)
{
	add(t, "chain to_clients {");
	add(t, "  ct state established,related accept");
	if (!set->masquerade4)
		add(t, "  meta nfproto ipv4 accept");
	if (!set->masquerade6)
		add(t, "  meta nfproto ipv6 accept");
	add(t, "  counter name inbound drop");
	add(t, "}");
}

static void add_to_host(struct text *t, const struct host_nft_server *set)
{
	char ip4[ADDR_TEXT_BYTES], ip6[ADDR_TEXT_BYTES];

	add(t, "chain to_host {");
	add(t, "  ct state established,related accept");
	if (set->inner4.family) {
		ip_text(&set->inner4, ip4);
		add(t, "  ip daddr %s icmp type echo-request accept", ip4);
		if (set->dns)
			add(t, "  ip daddr %s meta l4proto { tcp, udp } th dport 53 accept", ip4);
	}
	if (set->inner6.family) {
		ip_text(&set->inner6, ip6);
		add(t, "  ip6 daddr %s icmpv6 type echo-request accept", ip6);
		if (set->dns)
			add(t, "  ip6 daddr %s meta l4proto { tcp, udp } th dport 53 accept", ip6);
	}
	add(t, "  counter name to_host drop");
	add(t, "}");
}

static void add_masquerade(struct text *t, const struct host_nft_server *set)
{
	char text[ADDR_TEXT_BYTES];

	add(t, "chain postrouting { type nat hook postrouting priority srcnat;");
	if (set->pool4.family && set->masquerade4)
		add(t, "  ip saddr %s oifname != \"%s\" masquerade", prefix_text(&set->pool4, text), set->tun);
	if (set->pool6.family && set->masquerade6)
		add(t, "  ip6 saddr %s oifname != \"%s\" masquerade", prefix_text(&set->pool6, text), set->tun);
	add(t, "}");
}

int host_nft_server(struct host *h, const struct host_nft_server *set, char *why)
{
	static const char *const counters[] = { "source", "client_to_client", "private_destination", "to_host", "inbound" };
	struct text t;
	int err = begin(&t, h, "", set->tun, why);

	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		add(&t, "counter %s {}", counters[i]);
	add(&t, "chain sources { type filter hook prerouting priority raw;");
	add_source_check(&t, set->tun, &set->pool4, 4);
	add_source_check(&t, set->tun, &set->pool6, 6);
	add(&t, "}");
	add_from_clients(&t, set);
	add_to_clients(&t, set);
	add_to_host(&t, set);
	add(&t, "chain forward { type filter hook forward priority filter;");
	add(&t, "  iifname \"%s\" jump from_clients", set->tun);
	add(&t, "  oifname \"%s\" jump to_clients", set->tun);
	add(&t, "}");
	add(&t, "chain input { type filter hook input priority filter; iifname \"%s\" jump to_host; }", set->tun);
	add_mss_clamp(&t, set->tun);
	add_masquerade(&t, set);
	add(&t, "}");
	return text_run(&t, why);
}

int host_nft_server_remove(struct host *h)
{
	return remove_table(h, "");
}

int host_nft_client(struct host *h, const struct host_nft_client *set, char *why)
{
	char text[ADDR_TEXT_BYTES];
	struct text t;
	int err = begin(&t, h, "_client", set->tun, why);

	if (err)
		return err;
	add_mss_clamp(&t, set->tun);
	add(&t, "chain postrouting { type nat hook postrouting priority srcnat;");
	if (set->inner4.family)
		add(&t, "  oifname \"%s\" ip saddr != %s masquerade", set->tun, ip_text(&set->inner4, text));
	if (set->inner6.family)
		add(&t, "  oifname \"%s\" ip6 saddr != %s masquerade", set->tun, ip_text(&set->inner6, text));
	add(&t, "}");
	add(&t, "}");
	return text_run(&t, why);
}

int host_nft_client_remove(struct host *h)
{
	return remove_table(h, "_client");
}

/* What may leave, for packets of this host and for forwarded ones alike. */
static void add_may_leave(struct text *t, const struct host *h, const struct host_nft_kill_switch *set)
{
	char text[ADDR_TEXT_BYTES];

	add(t, "chain may_leave {");
	add(t, "  oifname { \"lo\", \"%s\" } accept", set->tun);
	add(t, "  meta mark %#x accept", h->base);
	add(t, "  udp sport 68 udp dport 67 accept");
	add(t, "  udp sport 546 udp dport 547 accept");
	add(t, "  icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, "
	       "mld-listener-report, mld-listener-done, mld2-listener-report } accept");
	if (set->block_dns)
		add(t, "  meta l4proto { tcp, udp } th dport { 53, 853 } counter reject");
	for (u32 i = 0; i < set->allow_count; i++)
		add(t, "  %s daddr %s accept", ip_word(set->allow[i].family), prefix_text(&set->allow[i], text));
	add(t, "  counter reject with icmpx admin-prohibited");
	add(t, "}");
}

int host_nft_kill_switch(struct host *h, const struct host_nft_kill_switch *set, char *why)
{
	struct text t;
	int err = begin(&t, h, "_ks", set->tun, why);

	if (err)
		return err;
	add_may_leave(&t, h, set);
	add(&t, "chain output { type filter hook output priority filter; policy drop; jump may_leave; }");
	add(&t, "chain forward { type filter hook forward priority filter; policy drop;");
	add(&t, "  iifname \"%s\" accept", set->tun);
	add(&t, "  jump may_leave");
	add(&t, "}");
	add(&t, "}");
	return text_run(&t, why);
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

/* {"nftables": [{...}, {"counter": {"name": "source", "packets": 3, ...}}, ...]} */
static void read_counters(const json_t *root, struct host_nft_drops *out)
{
	const struct {
		const char *name;
		u64 *value;
	} fields[] = {
		{ "source", &out->source },
		{ "client_to_client", &out->client_to_client },
		{ "private_destination", &out->private_destination },
		{ "to_host", &out->to_host },
		{ "inbound", &out->inbound },
	};
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(root, "nftables"), i, entry) {
		const json_t *counter = json_object_get(entry, "counter");
		const char *name = json_string_value(json_object_get(counter, "name"));

		for (size_t k = 0; name && k < ARRAY_SIZE(fields); k++)
			if (!strcmp(name, fields[k].name))
				*fields[k].value = (u64)json_integer_value(json_object_get(counter, "packets"));
	}
}

int host_nft_drops(struct host *h, struct host_nft_drops *out)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	char command[128];
	json_t *root = NULL;
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (!nft)
		return -ENOMEM;
	snprintf(command, sizeof(command), "list counters table inet %s", h->nft_name);
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	if (nft_run_cmd_from_buffer(nft, command))
		err = -ENOENT;
	else
		root = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
	if (root)
		read_counters(root, out);
	json_decref(root);
	nft_ctx_free(nft);
	return err;
}
