// SPDX-License-Identifier: MIT
/* tun.c - super-packets through a TUN device, and a BPF program that picks the queue
 *
 *   packet socket with a virtio-net header ---- super-packet ----> tun ----> read
 *
 * What the device took over with TUNSETOFFLOAD comes out whole; otherwise the kernel cuts it
 * into packets on the way. So one read tells.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Since Linux 6.2; older headers lack the names. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define SEGMENT_BYTES 1000
#define PAYLOAD_BYTES (3 * SEGMENT_BYTES)

struct super {
	struct virtio_net_hdr vnet;
	unsigned char packet[sizeof(struct ip6_hdr) + sizeof(struct tcphdr) + PAYLOAD_BYTES];
};

static int tun_open(int flags)
{
	struct ifreq set = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | flags) };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	strcpy(set.ifr_name, "probe0");
	if (ioctl(fd, TUNSETIFF, &set) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int tun_sender(void)
{
	int on = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return -errno;
	return fd < 0 ? -errno : fd;
}

/* Fills in what the kernel looks at; addresses and ports of nobody. Returns the bytes of headers. */
static size_t super_ip(struct super *s, bool six, int protocol, size_t transport)
{
	if (six) {
		struct ip6_hdr *ip = (struct ip6_hdr *)s->packet;

		ip->ip6_flow = htonl(6u << 28);
		ip->ip6_plen = htons((uint16_t)(transport + PAYLOAD_BYTES));
		ip->ip6_nxt = (uint8_t)protocol;
		ip->ip6_hlim = 64;
		inet_pton(AF_INET6, "2001:db8::1", &ip->ip6_src);
		inet_pton(AF_INET6, "2001:db8::2", &ip->ip6_dst);
		return sizeof(*ip);
	}
	struct iphdr *ip = (struct iphdr *)s->packet;

	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons((uint16_t)(sizeof(*ip) + transport + PAYLOAD_BYTES));
	ip->ttl = 64;
	ip->protocol = (uint8_t)protocol;
	ip->saddr = inet_addr("192.0.2.1");
	ip->daddr = inet_addr("192.0.2.2");
	return sizeof(*ip);
}

/* Returns the bytes of the whole packet. */
static size_t super_make(struct super *s, bool six, bool udp)
{
	size_t transport = udp ? sizeof(struct udphdr) : sizeof(struct tcphdr);
	size_t ip;

	memset(s, 0, sizeof(*s));
	ip = super_ip(s, six, udp ? IPPROTO_UDP : IPPROTO_TCP, transport);
	s->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	s->vnet.gso_size = SEGMENT_BYTES;
	s->vnet.hdr_len = (uint16_t)(ip + transport);
	s->vnet.csum_start = (uint16_t)ip;
	if (udp) {
		struct udphdr *u = (struct udphdr *)(s->packet + ip);

		u->dest = u->source = htons(9);
		u->len = htons((uint16_t)(transport + PAYLOAD_BYTES));
		s->vnet.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		s->vnet.csum_offset = offsetof(struct udphdr, check);
	} else {
		struct tcphdr *t = (struct tcphdr *)(s->packet + ip);

		t->dest = t->source = htons(9);
		t->doff = sizeof(*t) / 4;
		t->ack = 1;
		s->vnet.gso_type = six ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		s->vnet.csum_offset = offsetof(struct tcphdr, check);
	}
	return ip + transport + PAYLOAD_BYTES;
}

static int super_send(int sender, const struct super *s, size_t bytes, bool six)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(six ? ETH_P_IPV6 : ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("probe0"),
	};

	return sendto(sender, s, sizeof(s->vnet) + bytes, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

/* The next packet of this shape that comes out of the queue is whole, or is not: the kernel's own
 * chatter (router solicitations) has no virtio segments and another size. */
static int super_comes_whole(int tun, const struct super *sent, size_t bytes)
{
	struct pollfd wait = { .fd = tun, .events = POLLIN };
	struct super got;

	while (poll(&wait, 1, WAIT_MS) > 0) {
		ssize_t n = read(tun, &got, sizeof(got));

		if (n < (ssize_t)(sizeof(got.vnet) + SEGMENT_BYTES))
			continue;
		if (n != (ssize_t)(sizeof(got.vnet) + bytes))
			return no(0, "it comes in pieces of %zd bytes", n - (ssize_t)sizeof(got.vnet));
		if (got.vnet.gso_type != sent->vnet.gso_type || got.vnet.gso_size != sent->vnet.gso_size)
			return no(0, "it comes with GSO type %u, size %u", got.vnet.gso_type, got.vnet.gso_size);
		return 0;
	}
	return no(0, "nothing comes");
}

static int probe_super(unsigned long offload, bool udp)
{
	int tun, sender;

	if (unshare(CLONE_NEWNET) < 0 || (tun = tun_open(0)) < 0)
		return no(-errno, "no TUN device");
	if (ioctl(tun, TUNSETOFFLOAD, offload) < 0)
		return no(-errno, "TUNSETOFFLOAD");
	if (shell("ip link set probe0 up"))
		return no(0, "the TUN device does not come up");
	sender = tun_sender();
	if (sender < 0)
		return no(sender, "no packet socket");
	for (int six = 0; six < 2; six++) {
		struct super s;
		size_t bytes = super_make(&s, six, udp);
		int err = super_send(sender, &s, bytes, six);

		if (err)
			return no(err, "IPv%d super-packet refused", six ? 6 : 4);
		if (super_comes_whole(tun, &s, bytes))
			return 1;
	}
	return 0;
}

int probe_tun_tso(void)
{
	return probe_super(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6, false);
}

int probe_tun_uso(void)
{
	return probe_super(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6, true);
}

/* Sends one packet and looks in which queue it ends up. */
static int lands_in(const int *queues, int expected, int sender)
{
	struct super s;
	size_t bytes = super_make(&s, false, false);
	int err = super_send(sender, &s, bytes, false);

	if (err)
		return no(err, "packet refused");
	return super_comes_whole(queues[expected], &s, bytes);
}

int probe_tun_steering(void)
{
	static const char *const programs[] = { "second_queue", "first_queue", "second_queue" };
	static const int expected[] = { 1, 0, 1 };
	int queues[2], sender, program;

	if (unshare(CLONE_NEWNET) < 0)
		return no(-errno, "no network namespace");
	for (int i = 0; i < 2; i++) {
		queues[i] = tun_open(IFF_MULTI_QUEUE);
		if (queues[i] < 0)
			return no(queues[i], "no TUN queue");
	}
	sender = tun_sender();
	if (sender < 0 || ioctl(queues[0], TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) < 0 || shell("ip link set probe0 up"))
		return no(0, "the TUN device does not come up");
	for (int i = 0; i < 3; i++) {
		if (!load(programs[i], &program))
			return 1;
		if (ioctl(queues[0], TUNSETSTEERINGEBPF, &program) < 0)
			return no(-errno, "TUNSETSTEERINGEBPF");
		if (lands_in(queues, expected[i], sender))
			return 1;
	}
	return 0;
}
