// SPDX-License-Identifier: MIT
/* aead.c - which backend serves which suite, nonces, and where keys live
 *
 * A backend other than libsodium is used only for suites in which its self-test, against
 * libsodium, found no difference.
 */
#include "crypto/aead.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "crypto/aead_memory.h"
#include "crypto/aead_ops.h"
#include "tg_config.h"

#define SUITES 3u	/* suites are 1 and 2 */
#define BACKENDS 2u
#define BATCH 32u	/* nonces made at once, on the stack */

struct aead_key {
	const struct aead_ops *ops;
	enum aead_suite suite;
	u8 state[] __attribute__((aligned(AEAD_STATE_ALIGN)));
};

/* Filled by aead_init() before threads start, read-only after (aead_use() is for tests). */
static const struct aead_ops *usable[BACKENDS][SUITES];	/* passed the self-test */
static const struct aead_ops *chosen[SUITES];

static void probe(enum aead_backend backend, const struct aead_ops *ops)
{
	for (u32 suite = 1; suite < SUITES; suite++) {
		if (!ops->has(suite) || !aead_sodium_ops.has(suite))
			continue;
		if (aead_self_test(ops, &aead_sodium_ops, suite))
			usable[backend][suite] = ops;
	}
}

int aead_init(void)
{
	if (sodium_init() < 0)
		return -ENOSYS;
	probe(AEAD_SODIUM, &aead_sodium_ops);
#ifdef TG_HAVE_IPSEC_MB
	if (!aead_ipsecmb_start())
		probe(AEAD_IPSEC_MB, &aead_ipsecmb_ops);
#endif
	for (u32 suite = 1; suite < SUITES; suite++)
		chosen[suite] = usable[AEAD_IPSEC_MB][suite] ? usable[AEAD_IPSEC_MB][suite] : usable[AEAD_SODIUM][suite];
	return chosen[AEAD_CHACHAPOLY] ? 0 : -ENOSYS;
}

static bool suite_is_known(enum aead_suite suite)
{
	return suite == AEAD_CHACHAPOLY || suite == AEAD_AESGCM;
}

bool aead_has(enum aead_suite suite)
{
	return suite_is_known(suite) && chosen[suite];
}

const char *aead_backend_name(enum aead_suite suite)
{
	return aead_has(suite) ? chosen[suite]->name : "none";
}

const struct aead_ops *aead_backend_ops(enum aead_backend backend, enum aead_suite suite)
{
	return suite_is_known(suite) && (u32)backend < BACKENDS ? usable[backend][suite] : NULL;
}

int aead_use(enum aead_backend backend)
{
	int err = -ENOSYS;

	for (u32 suite = 1; suite < SUITES; suite++) {
		if (!aead_backend_ops(backend, suite))
			continue;
		chosen[suite] = usable[backend][suite];
		err = 0;
	}
	return err;
}

struct aead_key *aead_key_new_on(const struct aead_ops *ops, enum aead_suite suite, const u8 key[AEAD_KEY_BYTES])
{
	struct aead_key *k = aead_memory_take(sizeof(*k) + ops->state_bytes(suite));

	if (!k)
		return NULL;
	k->ops = ops;
	k->suite = suite;
	ops->expand(suite, key, k->state);
	return k;
}

struct aead_key *aead_key_new(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES])
{
	return aead_has(suite) ? aead_key_new_on(chosen[suite], suite, key) : NULL;
}

void aead_key_free(struct aead_key *key)
{
	if (key)
		aead_memory_put(key, sizeof(*key) + key->ops->state_bytes(key->suite));
}

void aead_nonce(enum aead_suite suite, u64 number, u8 nonce[AEAD_NONCE_BYTES])
{
	u64 bytes = suite == AEAD_AESGCM ? htobe64(number) : htole64(number);

	memset(nonce, 0, 4);
	memcpy(nonce + 4, &bytes, 8);
}

static void fill_nonces(enum aead_suite suite, const struct aead_job *jobs, u32 n, u8 (*nonces)[AEAD_NONCE_BYTES])
{
	for (u32 i = 0; i < n; i++)
		aead_nonce(suite, jobs[i].number, nonces[i]);
}

void aead_seal(const struct aead_key *key, struct aead_job *jobs, u32 n)
{
	u8 nonces[BATCH][AEAD_NONCE_BYTES];

	while (n) {
		u32 batch = MIN(n, BATCH);

		fill_nonces(key->suite, jobs, batch, nonces);
		key->ops->seal(key->suite, key->state, (const u8 (*)[AEAD_NONCE_BYTES])nonces, jobs, batch);
		jobs += batch;
		n -= batch;
	}
}

/* Counts authentic packets and leaves nothing of the others to be used by mistake. */
static u32 keep_authentic(struct aead_job *jobs, u32 n)
{
	u32 authentic = 0;

	for (u32 i = 0; i < n; i++) {
		if (jobs[i].ok)
			authentic++;
		else if (jobs[i].len)
			memset(jobs[i].out, 0, jobs[i].len);
	}
	return authentic;
}

u32 aead_open(const struct aead_key *key, struct aead_job *jobs, u32 n)
{
	u8 nonces[BATCH][AEAD_NONCE_BYTES];
	u32 authentic = 0;

	while (n) {
		u32 batch = MIN(n, BATCH);

		fill_nonces(key->suite, jobs, batch, nonces);
		key->ops->open(key->suite, key->state, (const u8 (*)[AEAD_NONCE_BYTES])nonces, jobs, batch);
		authentic += keep_authentic(jobs, batch);
		jobs += batch;
		n -= batch;
	}
	return authentic;
}
