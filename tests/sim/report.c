// SPDX-License-Identifier: MIT
/* report.c - what a simulation looks like from outside, as text */
#include "sim/report.h"

#include <stdio.h>

#include "sim/flow.h"

static double mbit(u64 bytes, u64 ns)
{
	return ns ? (double)bytes * 8e3 / (double)ns : 0;
}

static double ms(u64 us)
{
	return (double)us / 1e3;
}

/* The sending engine's opinion of a link. */
static const struct tunnel_path_info *path_of(const struct sim *s, u32 side, const struct tunnel_session_info *info, u32 link)
{
	for (u32 i = 0; i < info->path_count; i++)
		if (side ? addr_same_ip(&info->paths[i].remote, &s->links[link].address) : info->paths[i].link == link + 1)
			return &info->paths[i];
	return NULL;
}

static u32 sending_side(const struct sim *s)
{
	return s->flow_count && s->flows[0]->spec.up ? 0 : 1;
}

void report_second(struct sim *s, struct report_last *last)
{
	struct tunnel_session_info info;
	u32 side = sending_side(s);
	u64 bytes = 0;

	sim_session(s, side, &info);
	for (u32 i = 0; i < s->flow_count; i++) {
		bytes += s->flows[i]->bytes - MIN(last->bytes[i], s->flows[i]->bytes);
		last->bytes[i] = s->flows[i]->bytes;
	}
	printf("%4.0f s %7.2f Mbit/s |", (double)sim_time_ns(s) / 1e9, mbit(bytes, NS_PER_SEC));
	for (u32 i = 0; i < s->link_count; i++) {
		const struct lane *lane = &s->links[i].lanes[side];
		const struct tunnel_path_info *p = path_of(s, side, &info, i);
		u64 sent = lane->bytes - MIN(last->sent[i][side], lane->bytes);

		last->sent[i][side] = lane->bytes;
		printf(" %u: sent %6.2f queue %5.1f ms", i + 1, mbit(sent, NS_PER_SEC), (double)lane_queue_ns(lane) / 1e6);
		if (p)
			printf(" %s est %6.2f%s pace %6.2f srtt %5.1f flight %4llu of %4llu kB%s%s%s", rate_phase_name(p->phase),
			       (double)p->rate_bytes * 8 / 1e6, p->rate_measured ? "" : "?", (double)p->pace_bytes * 8 / 1e6,
			       ms(p->srtt_us), (unsigned long long)p->in_flight_bytes / 1000,
			       (unsigned long long)MIN(p->window_bytes / 1000, 9999ULL), p->shares_bottleneck > 1 ? " shares" : "",
			       p->left_out[0] ? " left out" : "",
			       p->state == TUNNEL_PATH_UP ? "" : p->state == TUNNEL_PATH_SUSPECT ? " SUSPECT" : " down");
		printf(" |");
	}
	printf(" waits %llu line %llu again %llu\n", (unsigned long long)info.queue_packets, (unsigned long long)info.line_packets,
	       (unsigned long long)info.again_packets);
}

static void report_flow(const struct flow *f, u64 ns)
{
	u64 delivered = f->way[0]->delivered - f->delivered_before[0];
	u64 late = f->way[0]->late - f->late_before[0];

	printf("  flow %-2u %-5s %-4s%s %8.2f Mbit/s", f->number, flow_kind_names[f->spec.kind], f->spec.up ? "up" : "down",
	       f->spec.outside ? " outside" : "", mbit(f->bytes, ns));
	if (f->spec.kind == FLOW_UDP || f->spec.kind == FLOW_PING)
		printf("  sent %llu got %llu", (unsigned long long)f->requests, (unsigned long long)f->answers);
	else
		printf("  lost %llu again %llu spurious %llu timeouts %llu", (unsigned long long)f->lost,
		       (unsigned long long)f->retransmits, (unsigned long long)f->spurious, (unsigned long long)f->timeouts);
	printf("  late %llu of %llu  %s p50 %.2f p99 %.2f max %.2f ms  gap %.1f ms at %.2f s", (unsigned long long)late,
	       (unsigned long long)delivered, f->spec.kind == FLOW_UDP ? "delay" : "rtt", ms(hist_at(&f->rtt, 500)),
	       ms(hist_at(&f->rtt, 990)), ms(f->rtt.max_us), (double)f->max_gap_ns / 1e6, (double)f->max_gap_at_ns / 1e9);
	if (f->max_stall_ns)
		printf("  stall %.1f ms at %.2f s", (double)f->max_stall_ns / 1e6, (double)f->max_stall_at_ns / 1e9);
	if (f->done.total)
		printf("  chunks %llu p50 %.1f p99 %.1f ms", (unsigned long long)f->done.total, ms(hist_at(&f->done, 500)),
		       ms(hist_at(&f->done, 990)));
	printf("\n");
}

static void report_lane(const struct lane *lane, u64 ns)
{
	printf("  link %u %-4s %8.2f Mbit/s put on, %8.2f passed  %llu packets  dropped: full %llu loss %llu cut %llu mtu %llu"
	       " nat %llu  queue max %.1f ms, %.0f kB\n",
	       lane->link->number, lane->up ? "up" : "down", mbit(lane->bytes, ns), mbit(lane->passed_bytes, ns),
	       (unsigned long long)lane->packets, (unsigned long long)lane->dropped_full, (unsigned long long)lane->dropped_loss,
	       (unsigned long long)lane->dropped_cut, (unsigned long long)lane->dropped_mtu,
	       (unsigned long long)lane->dropped_nat, (double)lane->max_queue_ns / 1e6, (double)lane->max_queue_bytes / 1e3);
}

static void report_engine(struct sim *s, u32 side)
{
	const struct tunnel_counters *c = tunnel_counters(s->ends[side].tunnel);
	struct tunnel_session_info info = { 0 };

	sim_session(s, side, &info);
	printf("  %s: late %llu, holes given up %llu, shrunk %llu, copies %llu; acks %llu; least bufs %u; device drops %llu;",
	       side ? "server" : "client", (unsigned long long)info.reorder_late, (unsigned long long)info.reorder_expired,
	       (unsigned long long)info.guard_shrinks,
	       (unsigned long long)info.reorder_copies, (unsigned long long)c->acks_sent, s->ends[side].least_bufs,
	       (unsigned long long)s->ends[side].device_drops);
	for (u32 i = 0; i < TG_DROP_COUNT; i++)
		if (c->drops[i])
			printf(" %s %llu", tunnel_drop_name((enum tg_drop)i), (unsigned long long)c->drops[i]);
	printf("\n");
}

void report_all(struct sim *s, u64 ns)
{
	for (u32 i = 0; i < s->flow_count; i++)
		report_flow(s->flows[i], ns);
	for (u32 i = 0; i < s->link_count; i++) {
		report_lane(&s->links[i].lanes[0], ns);
		report_lane(&s->links[i].lanes[1], ns);
	}
	report_engine(s, 0);
	report_engine(s, 1);
	printf("  pace: at most %.2f of its bound; in flight at most %llu kB on a path\n",
	       (double)s->check.worst_pace_permille / 1e3, (unsigned long long)s->check.max_in_flight / 1000);
}
