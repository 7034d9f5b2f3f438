// SPDX-License-Identifier: MIT
/* wire.c - read and write frames of an interface through packet(7) */
#include "emulate/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS 4096
#define SLOT_BYTES 2048		/* the kernel writes its header into these as well */
#define RING_BYTES (SLOTS * SLOT_BYTES)

static int read_mtu(int fd, const char *interface, u32 *frame_max)
{
	struct ifreq request = {};

	strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFMTU, &request) < 0)
		return -errno;
	*frame_max = (u32)request.ifr_mtu + ETH_HLEN;
	/* A slot holds 82 bytes of headers before the frame. */
	return *frame_max > SLOT_BYTES - 128 ? -EMSGSIZE : 0;
}

static int set_option(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int map_ring(struct wire *w)
{
	struct tpacket_req request = {
		.tp_block_size = 65536,
		.tp_block_nr = RING_BYTES / 65536,
		.tp_frame_size = SLOT_BYTES,
		.tp_frame_nr = SLOTS,
	};
	void *map;

	if (setsockopt(w->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return -errno;
	map = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	w->ring = map;
	return 0;
}

static int join_interface(struct wire *w, int ifindex)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	struct packet_mreq promiscuous = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC };

	if (setsockopt(w->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
		       sizeof(promiscuous)) < 0 ||
	    bind(w->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return 0;
}

int wire_open(struct wire *w, const char *interface)
{
	int ifindex = (int)if_nametoindex(interface), room = 16 << 20, err;

	if (!ifindex)
		return -ENODEV;
	*w = (struct wire){ .fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) };
	if (w->fd < 0)
		return -errno;

	err = read_mtu(w->fd, interface, &w->frame_max);
	if (!err)
		err = set_option(w->fd, PACKET_VERSION, TPACKET_V2);
	if (!err)
		err = set_option(w->fd, PACKET_IGNORE_OUTGOING, 1);
	if (!err)
		err = set_option(w->fd, PACKET_QDISC_BYPASS, 1);
	if (!err)
		err = map_ring(w);
	if (!err)
		err = join_interface(w, ifindex);
	if (err) {
		wire_close(w);
		return err;
	}
	setsockopt(w->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return 0;
}

void wire_close(struct wire *w)
{
	if (w->ring)
		munmap(w->ring, RING_BYTES);
	if (w->fd >= 0)
		close(w->fd);
	*w = (struct wire){ .fd = -1 };
}

/* When the slot's frame came in, by the kernel. That may well be after now, which was read a
 * moment ago; a second off means that somebody set the wall clock. */
static u64 arrival(struct wire *w, const struct tpacket2_hdr *h, u64 now, s64 wall_offset_ns)
{
	u64 t = (u64)((s64)(h->tp_sec * 1000000000ULL + h->tp_nsec) - wall_offset_ns);

	if (t > now + 1000000000ULL || t + 1000000000ULL < now)
		t = now;
	w->last_ns = MAX(w->last_ns, t);
	return w->last_ns;
}

static void take_slot(struct wire *w, struct direction *d, const struct tpacket2_hdr *h, u64 came)
{
	struct frame *f;

	d->count.packets_in++;
	d->count.bytes_in += h->tp_len;

	/* What only a shortcut between virtual interfaces makes possible must not look like a
	 * frame: segments still to be cut, a checksum still to be filled in. */
	if (h->tp_len > w->frame_max || h->tp_status & TP_STATUS_CSUMNOTREADY) {
		d->count.offload++;
		return;
	}
	f = frame_take();
	if (!f) {
		d->count.no_memory++;
		return;
	}
	f->len = h->tp_len;
	f->time_ns = came;
	memcpy(f->data, (const u8 *)h + h->tp_mac, f->len);
	direction_push(d, f);
}

u32 wire_receive(struct wire *w, struct direction *d, u64 now, s64 wall_offset_ns)
{
	u32 n;

	for (n = 0; n < WIRE_BATCH; n++) {
		struct tpacket2_hdr *h = (void *)(w->ring + (size_t)w->position * SLOT_BYTES);

		if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		take_slot(w, d, h, arrival(w, h, now, wall_offset_ns));
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		w->position = (w->position + 1) % SLOTS;
	}
	return n;
}

static void send_all(struct wire *w, struct direction *d, struct mmsghdr *m, u32 n)
{
	u32 done = 0;

	while (done < n) {
		int sent = sendmmsg(w->fd, m + done, n - done, MSG_DONTWAIT);

		if (sent > 0) {
			d->count.packets_out += (u64)sent;
			for (int i = 0; i < sent; i++)
				d->count.bytes_out += m[done++].msg_len;
		} else if (errno != EINTR) {
			d->count.send_failed++;
			done++;
		}
	}
}

u32 wire_send(struct wire *w, struct direction *d, u64 now)
{
	struct frame *frames[WIRE_BATCH];
	struct iovec io[WIRE_BATCH];
	struct mmsghdr m[WIRE_BATCH];
	u32 n = 0, i;

	while (n < WIRE_BATCH && (frames[n] = direction_due(d, now))) {
		io[n] = (struct iovec){ frames[n]->data, frames[n]->len };
		m[n] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &io[n], .msg_iovlen = 1 } };
		n++;
	}
	if (n)
		send_all(w, d, m, n);
	for (i = 0; i < n; i++)
		frame_release(frames[i]);
	return n;
}

void wire_count_missed(struct wire *w, struct direction *d)
{
	struct tpacket_stats s;
	socklen_t len = sizeof(s);

	/* Reading resets the kernel's numbers. */
	if (getsockopt(w->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
		d->count.missed += s.tp_drops;
}
