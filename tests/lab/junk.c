// SPDX-License-Identifier: MIT
/* junk.c - floods an interface with datagrams of strangers, faster than a socket could
 *
 *   junk drop IFACE
 *       attaches a program that drops everything, in the driver, until SIGTERM: what can be had at best
 *   junk send IFACE --mac ADDRESS --from A --to A:PORT --seconds S [--rate PPS] [--size BYTES]
 *       sends data of unknown receiver indices to that Ethernet and IPv4 address; prints a JSON line
 *
 * The kernel makes the frames itself: bpf_prog_test_run() repeats one, a program gives each an index of its own
 * and redirects it (BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18). No system call per packet, so that the load leaves the
 * cores to what is measured. With a rate, a slice is sent each millisecond.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <triglav/wire.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "junk.skel.h"

#define FRAME_BYTES 1514u
#define AT_ONCE 4096		/* frames per system call when there is no rate */
#define SLICE_US 1000

struct flood {
	u32 ifindex;
	struct ether_addr mac;
	struct addr from, to;
	u32 size;		/* of the frame */
	double seconds, rate;	/* rate 0: what goes */
};

static struct junk_bpf *load(u32 ifindex)
{
	struct junk_bpf *junk = junk_bpf__open();

	if (!junk)
		return NULL;
	junk->rodata->out_ifindex = ifindex;
	if (!junk_bpf__load(junk))
		return junk;
	junk_bpf__destroy(junk);
	return NULL;
}

/* --- drop -------------------------------------------------------------------------------------- */

static int drop_until_stopped(u32 ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	struct junk_bpf *junk;
	sigset_t stop;
	int link, number;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	junk = load(ifindex);
	if (!junk)
		return -errno;
	/* The link ends with the process, however that ends. */
	link = bpf_link_create(bpf_program__fd(junk->progs.junk_drop), (int)ifindex, BPF_XDP, &opts);
	if (link >= 0) {
		puts("ready");
		fflush(stdout);
		sigwait(&stop, &number);
		close(link);
	}
	junk_bpf__destroy(junk);
	return link < 0 ? link : 0;
}

/* --- send -------------------------------------------------------------------------------------- */

static u16 ip_checksum(const u8 *header)
{
	u32 sum = 0;

	for (u32 i = 0; i < sizeof(struct iphdr); i += 2)
		sum += (u32)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~(sum + (sum >> 16));
}

/* A datagram that looks like data of ours. Its UDP checksum is left out, as IPv4 allows. */
static void write_frame(const struct flood *f, u8 *frame)
{
	struct ethhdr eth = { .h_proto = htons(ETH_P_IP) };
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .tot_len = htons((u16)(f->size - ETH_HLEN)) };
	struct udphdr udp = { .source = htons(f->from.port), .dest = htons(f->to.port),
		.len = htons((u16)(f->size - ETH_HLEN - sizeof(ip))) };

	memset(frame, 0, f->size);
	memcpy(eth.h_dest, &f->mac, ETH_ALEN);
	eth.h_source[0] = 2;	/* locally administered */
	memcpy(&ip.saddr, f->from.ip, 4);
	memcpy(&ip.daddr, f->to.ip, 4);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	put_be16(frame + ETH_HLEN + offsetof(struct iphdr, check), ip_checksum(frame + ETH_HLEN));
	memcpy(frame + ETH_HLEN + sizeof(ip), &udp, sizeof(udp));
	frame[ETH_HLEN + sizeof(ip) + sizeof(udp)] = TG_TYPE_DATA;
}

static int send_frames(int program, u8 *frame, u32 size, u32 count)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = size, .repeat = (int)count,
		    .batch_size = 64, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	return bpf_prog_test_run_opts(program, &opts);
}

static void sleep_until(u64 when_us)
{
	struct timespec t = { (time_t)(when_us / SEC), (long)(when_us % SEC) * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* What is due by now, at most 20 slices of it: later than that counts as not sent. */
static u32 due_frames(const struct flood *f, u64 elapsed_us, u64 sent)
{
	double due = f->rate * (double)elapsed_us / SEC - (double)sent;

	return due < 1 ? 0 : (u32)MIN(due, f->rate * 20 * SLICE_US / SEC);
}

static int flood(const struct flood *f)
{
	struct junk_bpf *junk = load(f->ifindex);
	u8 frame[FRAME_BYTES];
	u64 start, elapsed = 0, sent = 0;
	u32 count;
	int err = 0;

	if (!junk)
		return -errno;
	prctl(PR_SET_TIMERSLACK, 1UL);
	write_frame(f, frame);
	start = clock_now_us();
	while (!err && elapsed < (u64)(f->seconds * SEC)) {
		count = f->rate > 0 ? due_frames(f, elapsed, sent) : AT_ONCE;
		if (count > 0)
			err = send_frames(bpf_program__fd(junk->progs.junk_send), frame, f->size, count);
		sent += err ? 0 : count;
		if (f->rate > 0)
			sleep_until(start + elapsed / SLICE_US * SLICE_US + SLICE_US);
		elapsed = clock_now_us() - start;
	}
	junk_bpf__destroy(junk);
	if (!err)
		printf("{\"sent\": %llu, \"seconds\": %.3f, \"pps\": %.0f}\n", (unsigned long long)sent, (double)elapsed / SEC,
		       (double)sent * SEC / (double)elapsed);
	return err;
}

/* --- command line ------------------------------------------------------------------------------ */

static int usage(void)
{
	fputs("usage: junk drop IFACE\n"
	      "       junk send IFACE --mac ADDRESS --from A --to A:PORT --seconds S [--rate PPS] [--size BYTES]\n", stderr);
	return 2;
}

static bool read_options(struct flood *f, int argc, char **argv)
{
	static const struct option options[] = {
		{ "mac", required_argument, NULL, 'm' },
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "seconds", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'r' },
		{ "size", required_argument, NULL, 'b' },
		{ 0 },
	};
	bool good = true;
	int c;

	*f = (struct flood){ .ifindex = f->ifindex, .size = 100 };
	while (good && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'm': good = ether_aton_r(optarg, &f->mac); break;
		case 'f': good = !addr_parse(&f->from, optarg, 7443); break;
		case 't': good = !addr_parse(&f->to, optarg, 7443); break;
		case 's': good = (f->seconds = strtod(optarg, NULL)) > 0; break;
		case 'r': good = (f->rate = strtod(optarg, NULL)) > 0; break;
		case 'b': good = (f->size = (u32)strtoul(optarg, NULL, 10)) >= 60 && f->size <= FRAME_BYTES; break;
		default: good = false;
		}
	}
	return good && f->seconds > 0 && f->from.family == 4 && f->to.family == 4;
}

int main(int argc, char **argv)
{
	struct flood f = { 0 };
	int err;

	f.ifindex = argc > 2 ? if_nametoindex(argv[2]) : 0;
	if (!f.ifindex)
		return usage();
	if (!strcmp(argv[1], "drop"))
		err = drop_until_stopped(f.ifindex);
	else if (!strcmp(argv[1], "send") && read_options(&f, argc - 2, argv + 2))
		err = flood(&f);
	else
		return usage();
	if (err)
		fprintf(stderr, "junk: %s\n", strerror(-err));
	return err ? 1 : 0;
}
