// SPDX-License-Identifier: MIT
/* udp.c - a UDP socket that moves runs of datagrams: UDP_SEGMENT out, UDP_GRO in
 *
 * A run is one message: the kernel takes it through its stack once. Received ones stand in a ring of areas until they are done with, so that who
 * reads can look at what came last before it is through with what came first. Errors that ICMP brought are reported by
 * the next call on the socket, whomever it writes to; so a send that fails is tried once more before it counts.
 */
#include "link/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

#define DEFAULT_BUFFER_BYTES (4u << 20)
#define AREA_BYTES 65536u	/* of one received run */
#define SEND_BATCH 64u
#define CONTROL_BYTES 160u

union control {
	struct cmsghdr align;
	u8 bytes[CONTROL_BYTES];
};

/* Where a run goes on: runs larger than one message are sent in pieces. */
struct place {
	u32 run;
	u32 at;		/* byte of it */
};

struct udp {
	int fd;
	u32 link;
	u8 family;
	bool gso;
	bool idle;		/* the last receive found nothing */
	bool emptied;		/* it left nothing */
	bool errors;		/* a send failed: its reason may lie in the error queue, too */
	u32 unusable;		/* received since udp_take_unusable() */
	bool has_offset;
	s64 wall_offset_ns;	/* from the clock of the kernel's stamps to ours */
	u64 emptied_us;		/* when the socket was last read until it was empty */
	u64 received_us;	/* when it was last read */
	struct addr local;
	u8 *area;		/* places * AREA_BYTES, touched as it is used */

	u32 places;
	struct datagrams *runs;	/* a ring of those that wait */
	u8 **memory;		/* of each place: an area */
	u32 first, waiting;

	struct mmsghdr in[UDP_MAX_RUNS];
	struct iovec in_iov[UDP_MAX_RUNS];
	struct sockaddr_storage in_from[UDP_MAX_RUNS];
	union control in_control[UDP_MAX_RUNS];

	struct mmsghdr out[SEND_BATCH];
	struct iovec out_iov[SEND_BATCH];
	struct sockaddr_storage out_to[SEND_BATCH];
	union control out_control[SEND_BATCH];
	struct place out_after[SEND_BATCH];	/* where to go on once that message is sent */
};

/* ---- opening ---- */

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* As much as asked for where the capability allows, else what the system's limit allows. */
static int set_buffers(int fd, u32 bytes)
{
	int want = (int)(bytes ? bytes : DEFAULT_BUFFER_BYTES);
	int err = 0;

	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, want))
		err = set_int(fd, SOL_SOCKET, SO_SNDBUF, want);
	if (!err && set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, want))
		err = set_int(fd, SOL_SOCKET, SO_RCVBUF, want);
	return err;
}

static int set_place(int fd, const struct udp_settings *set)
{
	int err = 0;

	if (set->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, set->device, (socklen_t)strlen(set->device)))
		return -errno;
	if (set->mark)
		err = set_int(fd, SOL_SOCKET, SO_MARK, (int)set->mark);
	if (!err && set->reuse_port)
		err = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return err;
}

/* DF is set and path MTUs are found by probes of our own, not by what ICMP says. */
static int set_ip4(int fd)
{
	int err = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);

	if (!err)
		err = set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
	if (!err)
		err = set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
	if (!err)
		err = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	return err;
}

static int set_ip6(int fd)
{
	int err = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);	/* IPv4 has a socket of its own */

	if (!err)
		err = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (!err)
		err = set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (!err)
		err = set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	if (!err)
		err = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	return err;
}

/* Also what arrived while this thread did something else tells when it arrived. */
static void set_stamps(struct udp *u)
{
	(void)set_int(u->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
}

static void set_offloads(struct udp *u, bool no_gro)
{
	/* A segment size of 0 changes nothing, but only kernels that know the option take it. */
	u->gso = !set_int(u->fd, IPPROTO_UDP, UDP_SEGMENT, 0);
	if (!no_gro)
		(void)set_int(u->fd, IPPROTO_UDP, UDP_GRO, 1);	/* without it every run is one datagram */
}

void udp_set_gro(struct udp *u, bool on)
{
	(void)set_int(u->fd, IPPROTO_UDP, UDP_GRO, on);
}

static int bind_local(struct udp *u, const struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss);

	if (bind(u->fd, (struct sockaddr *)&ss, len))
		return -errno;
	len = sizeof(ss);
	if (getsockname(u->fd, (struct sockaddr *)&ss, &len))
		return -errno;
	addr_from_sockaddr(&u->local, (struct sockaddr *)&ss);
	u->local.family = a->family;
	return 0;
}

static void prepare_receive(struct udp *u)
{
	for (u32 i = 0; i < u->places; i++)
		u->memory[i] = u->area + (size_t)i * AREA_BYTES;
	for (u32 i = 0; i < UDP_MAX_RUNS; i++) {
		u->in_iov[i].iov_len = AREA_BYTES;
		u->in[i].msg_hdr = (struct msghdr){ .msg_name = &u->in_from[i], .msg_iov = &u->in_iov[i], .msg_iovlen = 1,
						    .msg_control = &u->in_control[i] };
	}
}

static int configure(struct udp *u, const struct udp_settings *set)
{
	int err = set_buffers(u->fd, set->buffer_bytes);

	if (!err)
		err = set_place(u->fd, set);
	if (!err)
		err = u->family == 4 ? set_ip4(u->fd) : set_ip6(u->fd);
	if (!err)
		err = bind_local(u, &set->bind);
	return err;
}

int udp_open(struct udp **out, u32 link, const struct udp_settings *set)
{
	struct udp *u;
	int err;

	if (set->bind.family != 4 && set->bind.family != 6)
		return -EAFNOSUPPORT;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->link = link;
	u->family = set->bind.family;
	u->places = MAX(set->places, UDP_MAX_RUNS);
	u->runs = calloc(u->places, sizeof(*u->runs));
	u->memory = calloc(u->places, sizeof(*u->memory));
	u->area = mmap(NULL, (size_t)u->places * AREA_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u->fd = socket(u->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	err = u->area == MAP_FAILED || !u->runs || !u->memory ? -ENOMEM : u->fd < 0 ? -errno : configure(u, set);
	if (err) {
		udp_close(u);
		return err;
	}
	set_offloads(u, set->no_gro);
	set_stamps(u);
	prepare_receive(u);
	*out = u;
	return 0;
}

void udp_close(struct udp *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	if (u->area != MAP_FAILED)
		munmap(u->area, (size_t)u->places * AREA_BYTES);
	free(u->runs);
	free(u->memory);
	free(u);
}

int udp_fd(const struct udp *u)
{
	return u->fd;
}

void udp_local(const struct udp *u, struct addr *out)
{
	*out = u->local;
}

/* ---- sending ---- */

static void add_control(struct msghdr *m, int level, int type, const void *value, size_t bytes)
{
	struct cmsghdr *c = (struct cmsghdr *)((u8 *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), value, bytes);
	m->msg_controllen += CMSG_SPACE(bytes);
}

static void add_source(struct msghdr *m, const struct addr *from)
{
	struct in_pktinfo in4 = { 0 };
	struct in6_pktinfo in6 = { 0 };

	if (from->family == 4) {
		memcpy(&in4.ipi_spec_dst, from->ip, 4);
		add_control(m, IPPROTO_IP, IP_PKTINFO, &in4, sizeof(in4));
	} else if (from->family == 6) {
		memcpy(&in6.ipi6_addr, from->ip, 16);
		add_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &in6, sizeof(in6));
	}
}

/* How much of the run, from byte `at` on, one message takes. */
static u32 message_bytes(const struct udp *u, const struct datagrams *d, u32 at, bool single)
{
	u32 left = d->len - at;
	u32 segments;

	if (left <= d->segment_bytes || !d->segment_bytes)
		return left;
	if (!u->gso || single)
		return d->segment_bytes;
	segments = MIN(DATAGRAMS_MAX_BYTES / d->segment_bytes, DATAGRAMS_MAX_SEGMENTS);
	return MIN(left, MAX(segments, 1u) * d->segment_bytes);
}

/* Writes message i: the next piece of the run at `p`, which moves on. */
static void fill_message(struct udp *u, u32 i, const struct datagrams *d, struct place *p, bool single)
{
	struct msghdr *m = &u->out[i].msg_hdr;
	u32 bytes = message_bytes(u, d, p->at, single);
	u16 segment = (u16)d->segment_bytes;

	u->out_iov[i] = (struct iovec){ d->data + p->at, bytes };
	*m = (struct msghdr){ .msg_name = &u->out_to[i], .msg_iov = &u->out_iov[i], .msg_iovlen = 1, .msg_control = &u->out_control[i] };
	m->msg_namelen = addr_to_sockaddr(&d->where.remote, &u->out_to[i]);
	add_source(m, &d->where.local);
	if (segment && bytes > segment)
		add_control(m, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	p->at += bytes;
	if (p->at >= d->len)
		*p = (struct place){ p->run + 1, 0 };
	u->out_after[i] = *p;
}

static u32 fill_batch(struct udp *u, const struct datagrams *runs, u32 n, struct place p, bool single)
{
	u32 count = 0;

	while (p.run < n && count < SEND_BATCH)
		fill_message(u, count++, &runs[p.run], &p, single);
	return count;
}

/* One call of udp_send(). */
struct sending {
	struct place at;
	u32 lost;		/* datagrams given up */
	bool again;		/* the message at `at` has failed once */
	bool single;		/* GSO was refused for it: one datagram at a time */
};

/* Datagrams of the run at s->at that were not sent: pieces before may have been. */
static u32 left_of_run(const struct sending *s, const struct datagrams *d)
{
	struct datagrams left = { .len = d->len - s->at.at, .segment_bytes = d->segment_bytes };

	return datagrams_count(&left);
}

static void skip_run(struct sending *s, const struct datagrams *d)
{
	*s = (struct sending){ .at = { s->at.run + 1, 0 }, .lost = s->lost + left_of_run(s, d) };
}

/* After a refusal of the message at s->at: to be tried again or in another way, or its run given up (*error says why).
 * False: the socket takes nothing more now, the call ends. */
static bool after_refusal(struct udp *u, struct sending *s, const struct datagrams *d, int err, int *error)
{
	u->errors = true;
	if (err == EINTR)
		return true;
	if (err == EAGAIN || err == ENOBUFS || err == ENOMEM) {
		*error = err == ENOMEM ? ENOBUFS : err;
		return false;
	}
	/* No checksum offload on the way out: GSO will never work here. */
	if (err == EIO && u->out_iov[0].iov_len > d->segment_bytes) {
		u->gso = false;
		return true;
	}
	/* Either segments larger than the MTU or a source that is not ours: a single datagram tells them apart. */
	if (err == EINVAL && !s->single) {
		s->single = true;
		return true;
	}
	if (!s->again && err != EMSGSIZE) {
		s->again = true;
		return true;
	}
	*error = err == EINVAL && d->where.local.family ? EADDRNOTAVAIL : err;
	skip_run(s, d);
	return true;
}

u32 udp_send(struct udp *u, const struct datagrams *runs, u32 n, int *error)
{
	struct sending s = { 0 };

	*error = 0;
	while (s.at.run < n) {
		u32 count = fill_batch(u, runs, n, s.at, s.single);
		int sent = sendmmsg(u->fd, u->out, count, MSG_DONTWAIT);

		if (sent > 0) {
			struct place next = u->out_after[sent - 1];

			s = (struct sending){ .at = next, .lost = s.lost, .single = s.single && next.run == s.at.run };
		} else if (!after_refusal(u, &s, &runs[s.at.run], errno, error)) {
			skip_run(&s, &runs[s.at.run]);
			return s.lost + datagrams_count_all(runs + s.at.run, n - s.at.run);
		}
	}
	return s.lost;
}

/* ---- receiving ---- */

/* Empties the error queue; a socket with anything in it is always ready. Returns the last errno, or 0. */
static int drain_errors(struct udp *u)
{
	union control control;
	u8 start[64];
	int last = 0;

	u->errors = false;
	for (;;) {
		struct iovec iov = { start, sizeof(start) };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

		if (recvmsg(u->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return last;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			struct sock_extended_err e;

			if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
			    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
				memcpy(&e, CMSG_DATA(c), sizeof(e));
				last = (int)e.ee_errno;
			}
		}
	}
}

/* When the kernel got it, by our clock. Not before the socket was last found empty, nor later than now: if it seems so, somebody has set the wall clock. */
static u64 arrival_us(const struct udp *u, const void *stamp)
{
	struct timespec wall;
	s64 ns;

	memcpy(&wall, stamp, sizeof(wall));
	ns = wall.tv_sec * 1000000000ll + wall.tv_nsec + u->wall_offset_ns;
	return u->has_offset ? MIN(MAX((u64)ns / 1000, u->emptied_us), u->received_us) : 0;
}

static void read_control(const struct udp *u, struct datagrams *d, const struct cmsghdr *c)
{
	const void *value = CMSG_DATA(c);
	struct in_pktinfo in4;
	struct in6_pktinfo in6;
	int number = 0;

	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
		d->arrived_us = arrival_us(u, value);
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		memcpy(&in4, value, sizeof(in4));
		d->where.local.family = 4;
		memcpy(d->where.local.ip, &in4.ipi_spec_dst, 4);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		memcpy(&in6, value, sizeof(in6));
		d->where.local.family = 6;
		memcpy(d->where.local.ip, &in6.ipi6_addr, 16);
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		d->ce = (*(const u8 *)value & 3) == 3;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
		memcpy(&number, value, sizeof(number));
		d->ce = (number & 3) == 3;
	} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
		memcpy(&number, value, sizeof(number));
		if (number > 0 && (u32)number < d->len)
			d->segment_bytes = (u32)number;
	}
}

/* Message i as a run. False: empty, or larger than any run is. */
static bool read_message(struct udp *u, u32 i, struct datagrams *d)
{
	struct msghdr *m = &u->in[i].msg_hdr;

	if (!u->in[i].msg_len || (m->msg_flags & MSG_TRUNC))
		return false;
	memset(d, 0, sizeof(*d));
	d->where.link = u->link;
	d->data = u->in_iov[i].iov_base;
	d->len = d->segment_bytes = u->in[i].msg_len;
	addr_from_sockaddr(&d->where.remote, m->msg_name);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		read_control(u, d, c);
	return true;
}

/* The places from `at` on are free. */
static int receive_messages(struct udp *u, u32 at, u32 max)
{
	for (u32 i = 0; i < max; i++) {
		u->in_iov[i].iov_base = u->memory[at + i];
		u->in[i].msg_hdr.msg_namelen = sizeof(u->in_from[i]);
		u->in[i].msg_hdr.msg_controllen = sizeof(u->in_control[i]);
	}
	return recvmmsg(u->fd, u->in, max, MSG_DONTWAIT, NULL);
}

/* Nothing came, for this reason. Remembers to look at the error queue, which wakes its reader without a
 * pending error when a send has already reported that. */
static int after_nothing(struct udp *u, int err)
{
	bool look = u->errors || u->idle || err != EAGAIN;
	int queued = look ? drain_errors(u) : 0;

	u->idle = u->emptied = true;
	if (queued)
		return queued;
	return err == EAGAIN || err == EINTR ? 0 : err;
}

/* One behind the other, at *at. While nothing waits it is always the same ones, as they are in the cache. */
static u32 free_places(struct udp *u, u32 *at)
{
	if (!u->waiting)
		u->first = 0;
	*at = (u->first + u->waiting) % u->places;
	return MIN(u->places - u->waiting, u->places - *at);
}

/* Messages of which no run can be made leave their memory to those behind them. */
static u32 keep_messages(struct udp *u, u32 at, u32 got)
{
	u32 kept = 0;

	for (u32 i = 0; i < got; i++) {
		struct datagrams *run = &u->runs[at + kept];
		u8 *memory = u->memory[at + i];

		if (!read_message(u, i, run))
			continue;
		u->memory[at + i] = u->memory[at + kept];
		u->memory[at + kept++] = memory;
	}
	u->waiting += kept;
	u->unusable += got - kept;
	return kept;
}

u32 udp_receive(struct udp *u, struct datagrams **fresh, int *error)
{
	u64 now_us = clock_now_us();
	u32 at, kept, max = MIN(free_places(u, &at), UDP_MAX_RUNS);
	int got;

	*error = 0;
	*fresh = &u->runs[at];
	if (!max)
		return 0;
	got = receive_messages(u, at, max);
	if (got < 0) {
		*error = after_nothing(u, errno);
		/* A pending error stands in front of what has arrived. */
		if (*error)
			got = receive_messages(u, at, max);
		if (got < 0)
			return 0;
	}
	u->idle = false;
	u->has_offset |= clock_wall_offset_ns(&u->wall_offset_ns);
	u->received_us = clock_now_us();
	kept = keep_messages(u, at, (u32)got);
	u->emptied = (u32)got < max;
	if (u->emptied)
		u->emptied_us = now_us;
	return kept;
}

bool udp_is_emptied(const struct udp *u)
{
	return u->emptied;
}

struct datagrams *udp_waiting(struct udp *u, u32 *n)
{
	*n = MIN(u->waiting, u->places - u->first);
	return &u->runs[u->first];
}

void udp_done(struct udp *u, u32 n)
{
	for (; n; n--) {
		u->first = (u->first + 1) % u->places;
		u->waiting--;
	}
}

u32 udp_take_unusable(struct udp *u)
{
	u32 count = u->unusable;

	u->unusable = 0;
	return count;
}
