// SPDX-License-Identifier: MIT
/* frame.c - a veth pair in a namespace of its own, and frames over it that cannot be mistaken */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXPERIMENTAL 0x88b5	/* IEEE 802: for local experiments */

int pair_make(struct pair *ret)
{
	if (unshare(CLONE_NEWNET) < 0)
		return no(-errno, "no network namespace");
	if (shell("ip link add near type veth peer name far && ip link set near up && ip link set far up"))
		return no(0, "no veth pair");
	ret->near = if_nametoindex("near");
	ret->far = if_nametoindex("far");
	return 0;
}

int frame_socket(int ifindex)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(EXPERIMENTAL), .sll_ifindex = ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(EXPERIMENTAL));
	int err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

void frame_fill(unsigned char *frame, unsigned char number)
{
	struct ether_header *eth = (struct ether_header *)frame;

	memset(frame, number, FRAME_BYTES);
	memset(eth->ether_dhost, 0xff, ETH_ALEN);
	memset(eth->ether_shost, 0x02, ETH_ALEN);
	eth->ether_type = htons(EXPERIMENTAL);
}

bool frame_is(const unsigned char *frame, size_t bytes, unsigned char number)
{
	unsigned char expected[FRAME_BYTES];

	frame_fill(expected, number);
	return bytes == FRAME_BYTES && !memcmp(frame, expected, FRAME_BYTES);
}

int frame_send(int fd, unsigned char number)
{
	unsigned char frame[FRAME_BYTES];

	frame_fill(frame, number);
	return send(fd, frame, sizeof(frame), 0) == sizeof(frame) ? 0 : -errno;
}

bool frame_comes(int fd, unsigned char number)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	unsigned char frame[2048];

	while (poll(&wait, 1, WAIT_MS) > 0) {
		ssize_t bytes = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (bytes > 0 && frame_is(frame, (size_t)bytes, number))
			return true;
	}
	return false;
}
