// SPDX-License-Identifier: MIT
/* server_keys.c - a server's key file, and the key strings it gives to clients */
#include "cmd/server_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "base/rand.h"
#include "cmd/cmd.h"
#include "cmd/qr.h"
#include "crypto/keyfile.h"
#include "crypto/noise.h"
#include "host/links.h"

static int make_key(const struct settings *s, u8 secret[32])
{
	struct rand_source random;
	int err;

	if (mkdir(s->state_dir, 0700) && errno != EEXIST)
		return cmd_fail(cmd_exit_of(-errno), "cannot make directory %s: %s%s", s->state_dir, strerror(errno),
				errno == EACCES ? CMD_RUN_WITH_SUDO : "");
	rand_system(&random);
	rand_fill(&random, secret, 32);
	err = keyfile_write_secret(s->key_file, secret);
	if (err)
		return cmd_fail(cmd_exit_of(err), "cannot write %s: %s%s", s->key_file, strerror(-err),
				err == -EACCES ? CMD_RUN_WITH_SUDO : "");
	return CMD_OK;
}

int server_keys_load(const struct settings *s, bool make, bool *made, u8 secret[32])
{
	char error[KEYFILE_ERROR_BYTES];
	int err = keyfile_read_secret(s->key_file, secret, error);

	*made = false;
	if (err == -ENOENT && make) {
		*made = true;
		return make_key(s, secret);
	}
	if (err == -ENOENT)
		return cmd_fail(CMD_FAILED, "there is no key %s; --generate-key makes one", s->key_file);
	return err ? cmd_fail(err == -EACCES ? CMD_NOT_PERMITTED : CMD_FAILED, "%s%s", error, err == -EACCES ? CMD_RUN_WITH_SUDO : "") : CMD_OK;
}

static bool is_wildcard(const struct addr *a)
{
	static const u8 zero[16];

	return !memcmp(a->ip, zero, sizeof(zero));
}

/* Not reachable from elsewhere: RFC 1918, RFC 6598, link-local, loopback, RFC 4193. */
static bool is_private(const struct addr *a)
{
	static const char *const networks[] = {
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
		"127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128",
	};
	struct prefix p;

	for (size_t i = 0; i < ARRAY_SIZE(networks); i++)
		if (!prefix_parse(&p, networks[i]) && prefix_contains(&p, a->family, a->ip))
			return true;
	return false;
}

static void add_addr(struct key_string *k, const struct addr *a)
{
	for (u32 i = 0; i < k->addr_count; i++)
		if (addr_equal(&k->addrs[i], a))
			return;
	if (k->addr_count < KEYS_MAX_ADDRS)
		k->addrs[k->addr_count++] = *a;
}

/* The port clients of this family come to; 0: it is not listened on. */
static u16 port_of(const struct settings *s, u8 family)
{
	if (!s->server.listen_count)
		return TG_PORT;
	for (u32 i = 0; i < s->server.listen_count; i++)
		if (s->server.listen[i].family == family)
			return s->server.listen[i].port;
	return 0;
}

static void add_host_addr(const struct settings *s, struct key_string *k, const struct prefix *own)
{
	struct addr a = { .family = own->family };

	if (!own->family)
		return;
	memcpy(a.ip, own->ip, sizeof(a.ip));
	a.port = port_of(s, a.family);
	if (a.port)
		add_addr(k, &a);
}

static void add_host_addrs(const struct settings *s, struct key_string *k)
{
	struct host_uplink links[KEYS_MAX_ADDRS];
	int n = host_uplinks_list(links, ARRAY_SIZE(links));

	for (int i = 0; i < n; i++) {
		if (links[i].has_default4)
			add_host_addr(s, k, &links[i].addr4);
		if (links[i].has_default6)
			add_host_addr(s, k, &links[i].addr6);
	}
}

bool server_keys_describe(const struct settings *s, const u8 secret[32], struct key_string *k, bool *private_only)
{
	memset(k, 0, sizeof(*k));
	noise_public_from_secret(secret, k->server_public);
	k->tcp_port = s->server.tcp_port;
	for (u32 i = 0; i < s->address_count; i++)
		add_addr(k, &s->addresses[i]);
	for (u32 i = 0; !s->address_count && i < s->server.listen_count; i++)
		if (!is_wildcard(&s->server.listen[i]))
			add_addr(k, &s->server.listen[i]);
	if (!k->addr_count)
		add_host_addrs(s, k);

	*private_only = !s->address_count;
	for (u32 i = 0; i < k->addr_count; i++)
		*private_only = *private_only && is_private(&k->addrs[i]);
	return k->addr_count > 0;
}

void server_keys_add_client(struct key_string *k, const u8 id[8], const u8 secret[32])
{
	k->has_client = true;
	memcpy(k->client_id, id, sizeof(k->client_id));
	memcpy(k->client_secret, secret, sizeof(k->client_secret));
}

int server_keys_print(const struct key_string *k, bool qr)
{
	char text[KEYS_TEXT_BYTES];
	int err = keys_format(k, text, sizeof(text));

	if (!err) {
		puts(text);
		if (qr)
			err = qr_print(text);
		fflush(stdout);
	}
	sodium_memzero(text, sizeof(text));
	return err ? cmd_fail(CMD_FAILED, "cannot write the key: %s", strerror(-err)) : CMD_OK;
}
