// SPDX-License-Identifier: MIT
/* junk.c - floods an interface with datagrams of strangers, faster than a socket could
 *
 *   junk drop IFACE
 *       attaches a program that drops everything, in the driver, until SIGTERM: what can be had at best
 *   junk send IFACE --mac ADDRESS --from A --to A:PORT --seconds S [--rate PPS | --even PPS] [--size BYTES]
 *       sends data of unknown receiver indices to that Ethernet and IPv4 address; prints a JSON line
 *   junk time IFACE --mac ADDRESS --from A --to A:PORT [--size BYTES]
 *       has the kernel run the program that is attached there TIMES times on one such frame, and the one that only drops as often
 *       (BPF_PROG_TEST_RUN); prints nanoseconds a frame as a JSON line. The frame is in the cache: what deciding costs, and no more
 *
 * The kernel makes the frames itself: bpf_prog_test_run() repeats one, a program gives each an index of its own
 * and redirects it (BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18). No system call per packet, so that the load leaves the
 * cores to what is measured. With a rate, a slice is sent every quarter of a millisecond; for
 * the same gap after every few frames the program itself waits, which takes a core.
 *
 * Each call would enter the program into the kernel's dispatcher of XDP programs, and take it out again: code is rewritten
 * and all cores waited for, which takes longer than 1000 frames. A program that is attached anywhere is there already. So it is attached
 * to the namespace's lo meanwhile, where it leaves alone what it has not made.
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
#include "../bpf/junk.h"
#include "junk.skel.h"

#define FRAME_BYTES 1514u
#define AT_ONCE 16384		/* frames per system call when there is no rate */
#define TIMES 4000000		/* runs that are timed, in ROUNDS turns of each program */
#define ROUNDS 8
#define SLICE_US 250		/* at 200 kpps 50 frames: a veth's ring has room for 256, and others need it too */
#define SLICES_LATE 8

struct flood {
	u32 ifindex;
	struct ether_addr mac;
	struct addr from, to;
	u32 size;		/* of the frame */
	double seconds, rate;	/* rate 0: what goes */
	double even;		/* likewise */
};

static struct junk_bpf *load(u32 ifindex, double even)
{
	struct junk_bpf *junk = junk_bpf__open();

	if (!junk)
		return NULL;
	junk->rodata->out_ifindex = ifindex;
	junk->rodata->gap_ns = even > 0 ? (u64)(JUNK_TOGETHER * 1e9 / even + 0.5) : 0;
	if (!junk_bpf__load(junk))
		return junk;
	junk_bpf__destroy(junk);
	return NULL;
}

/* The link ends with the process, however that ends. */
static int attach(const struct bpf_program *program, u32 ifindex, u32 mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode);

	return bpf_link_create(bpf_program__fd(program), (int)ifindex, BPF_XDP, &opts);
}

/* --- drop -------------------------------------------------------------------------------------- */

static int drop_until_stopped(u32 ifindex)
{
	struct junk_bpf *junk;
	sigset_t stop;
	int link, number;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	junk = load(ifindex, 0);
	if (!junk)
		return -errno;
	link = attach(junk->progs.junk_drop, ifindex, XDP_FLAGS_DRV_MODE);
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
	eth.h_source[0] = JUNK_SOURCE;
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

/* What is due by now, at most SLICES_LATE slices of it: later than that counts as not sent. */
static u32 due_frames(const struct flood *f, u64 elapsed_us, u64 sent)
{
	double due = f->rate * (double)elapsed_us / SEC - (double)sent;

	return due < 1 ? 0 : (u32)MIN(due, f->rate * SLICES_LATE * SLICE_US / SEC);
}

/* Sends until the time is over. */
static int send_on(const struct flood *f, int program, u64 *sent, u64 *elapsed)
{
	u8 frame[FRAME_BYTES];
	u64 start = clock_now_us();
	u32 count;
	int err = 0;

	write_frame(f, frame);
	while (!err && *elapsed < (u64)(f->seconds * SEC)) {
		count = f->rate > 0 ? due_frames(f, *elapsed, *sent) : AT_ONCE;
		if (count > 0)
			err = send_frames(program, frame, f->size, count);
		*sent += err ? 0 : count;
		if (f->rate > 0)
			sleep_until(start + *elapsed / SLICE_US * SLICE_US + SLICE_US);
		*elapsed = clock_now_us() - start;
	}
	return err;
}

/* Processor time of this process, softirqs that it had to serve included: making the frames, and mostly also being rid of them. */
static double core_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int flood(const struct flood *f)
{
	struct junk_bpf *junk = load(f->ifindex, f->even);
	u64 elapsed = 0, sent = 0;
	int err, link;

	if (!junk)
		return -errno;
	prctl(PR_SET_TIMERSLACK, 1UL);
	link = attach(junk->progs.junk_send, if_nametoindex("lo"), XDP_FLAGS_SKB_MODE);
	err = link < 0 ? link : send_on(f, bpf_program__fd(junk->progs.junk_send), &sent, &elapsed);
	if (link >= 0)
		close(link);
	junk_bpf__destroy(junk);
	if (!err)
		printf("{\"sent\": %llu, \"seconds\": %.3f, \"pps\": %.0f, \"core\": %.3f}\n", (unsigned long long)sent,
		       (double)elapsed / SEC, (double)sent * SEC / (double)elapsed, core_seconds() * SEC / (double)elapsed);
	return err;
}

/* --- time -------------------------------------------------------------------------------------- */

/* Nanoseconds a frame, as the kernel says. The frame is as if it had come in there. */
static int time_program(int program, const struct flood *f, u32 *ns)
{
	u8 frame[FRAME_BYTES], out[FRAME_BYTES];
	struct xdp_md context = { .data_end = f->size, .ingress_ifindex = f->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = f->size, .data_out = out, .data_size_out = sizeof(out),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = TIMES / ROUNDS);
	int err;

	write_frame(f, frame);
	err = bpf_prog_test_run_opts(program, &opts);
	if (!err && opts.retval != XDP_DROP)
		err = -EPROTO;
	*ns = opts.duration;
	return err;
}

/* The least of several turns is what it costs when nobody comes between. */
static int time_both(const struct flood *f, int attached, int drop)
{
	u32 ns, least_attached = UINT32_MAX, least_drop = UINT32_MAX;
	int err = 0;

	for (u32 i = 0; i < ROUNDS && !err; i++) {
		err = time_program(drop, f, &ns);
		least_drop = MIN(least_drop, ns);
		err = err ? err : time_program(attached, f, &ns);
		least_attached = MIN(least_attached, ns);
	}
	if (!err)
		printf("{\"drop_ns\": %u, \"attached_ns\": %u}\n", least_drop, least_attached);
	return err;
}

static int time_attached(const struct flood *f)
{
	struct junk_bpf *junk;
	int attached, err;
	u32 id;

	err = bpf_xdp_query_id((int)f->ifindex, 0, &id);
	if (err || !id)
		return err ? err : -ENOENT;
	attached = bpf_prog_get_fd_by_id(id);
	if (attached < 0)
		return attached;
	junk = load(f->ifindex, 0);
	err = junk ? time_both(f, attached, bpf_program__fd(junk->progs.junk_drop)) : -errno;
	junk_bpf__destroy(junk);
	close(attached);
	return err;
}

/* --- command line ------------------------------------------------------------------------------ */

static int usage(void)
{
	fputs("usage: junk drop IFACE\n"
	      "       junk send IFACE --mac ADDRESS --from A --to A:PORT --seconds S [--rate PPS | --even PPS] [--size BYTES]\n"
	      "       junk time IFACE --mac ADDRESS --from A --to A:PORT [--size BYTES]\n", stderr);
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
		{ "even", required_argument, NULL, 'e' },
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
		case 'e': good = (f->even = strtod(optarg, NULL)) > 0; break;
		case 'b': good = (f->size = (u32)strtoul(optarg, NULL, 10)) >= 60 && f->size <= FRAME_BYTES; break;
		default: good = false;
		}
	}
	return good && !(f->rate > 0 && f->even > 0) && f->from.family == 4 && f->to.family == 4;
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
	else if (!strcmp(argv[1], "send") && read_options(&f, argc - 2, argv + 2) && f.seconds > 0)
		err = flood(&f);
	else if (!strcmp(argv[1], "time") && read_options(&f, argc - 2, argv + 2))
		err = time_attached(&f);
	else
		return usage();
	if (err)
		fprintf(stderr, "junk: %s\n", strerror(-err));
	return err ? 1 : 0;
}
