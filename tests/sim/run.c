// SPDX-License-Identifier: MIT
/* run.c - one experiment: run it, each link alone if asked, and compare the figures with what must hold */
#include "sim/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report.h"
#include "sim/returns.h"

#define DRAIN_NS (4 * NS_PER_SEC)

const char *const figure_names[FIGURE_COUNT] = {
	"goodput",  "taken",    "share",	"best",	    "gap",	"stall",     "back",	"spurious",   "timeouts",  "udp.lost", "udp.late", "udp.p99",
	"udp.gap",  "ping.p50", "ping.p99", "ping.added", "ping.lost", "ping.gap", "done.p99", "extra", "shrunk",
};

/* ---- figures ---- */

static bool is_elastic(const struct flow *f)
{
	return f->spec.kind != FLOW_UDP && f->spec.kind != FLOW_PING;
}

static u64 late_of(const struct flow *f)
{
	return f->way[0]->late - f->late_before[0];
}

static double max_of(double a, double b)
{
	return MAX(a, b);
}

/* The worst of times, the sum of timeouts. */
static void add_flow(const struct flow *f, double *v)
{
	double p50 = (double)hist_at(&f->rtt, 500) / 1e3, p99 = (double)hist_at(&f->rtt, 990) / 1e3, gap = (double)f->max_gap_ns / 1e6;

	if (f->spec.kind == FLOW_UDP) {
		v[FIGURE_UDP_P99] = max_of(v[FIGURE_UDP_P99], p99);
		v[FIGURE_UDP_GAP] = max_of(v[FIGURE_UDP_GAP], gap);
	} else if (f->spec.kind == FLOW_PING) {
		v[FIGURE_PING_P50] = max_of(v[FIGURE_PING_P50], p50);
		v[FIGURE_PING_P99] = max_of(v[FIGURE_PING_P99], p99);
		v[FIGURE_PING_GAP] = max_of(v[FIGURE_PING_GAP], gap);
	} else {
		if (!f->spec.chunk_bytes)
			v[FIGURE_GAP] = max_of(v[FIGURE_GAP], gap);
		if (!f->spec.chunk_bytes && f->spec.kind != FLOW_QUIC)
			v[FIGURE_STALL] = max_of(v[FIGURE_STALL], (double)f->max_stall_ns / 1e6);
		if (f->done.total)
			v[FIGURE_DONE_P99] = max_of(v[FIGURE_DONE_P99], (double)hist_at(&f->done, 990) / 1e3);
		v[FIGURE_TIMEOUTS] = max_of(v[FIGURE_TIMEOUTS], 0) + (double)f->timeouts;
	}
}

static double idle_rtt_ms(const struct sim *s)
{
	double best = 1e9;

	for (u32 i = 0; i < s->link_count; i++)
		if (!s->only || s->only == i + 1)
			best = MIN(best, (double)spec_idle_rtt_ns(&s->specs[i]) / 1e6);
	return best;
}

/* As it stands when the time is up. */
static void take_figures(const struct sim *s, u64 ns, double *v)
{
	double bytes = 0, outside = 0, spurious = 0, segments = 0;

	for (u32 i = 0; i < FIGURE_COUNT; i++)
		v[i] = -1;
	for (u32 i = 0; i < s->flow_count; i++) {
		const struct flow *f = s->flows[i];

		if (f->spec.outside) {
			outside += (double)f->bytes;
			continue;
		}
		add_flow(f, v);
		if (!is_elastic(f))
			continue;
		bytes += (double)f->bytes;
		spurious += (double)f->spurious;
		segments += (double)(f->way[0]->delivered - f->delivered_before[0]);
	}
	if (segments > 0) {
		v[FIGURE_GOODPUT] = bytes * 8e3 / (double)ns;
		v[FIGURE_SPURIOUS] = spurious / segments * 1e3;
		if (outside > 0)
			v[FIGURE_TAKEN] = bytes / (bytes + outside);
	}
	if (v[FIGURE_PING_P99] >= 0)
		v[FIGURE_PING_ADDED] = max_of(0, v[FIGURE_PING_P99] - idle_rtt_ms(s));
	/* Header, tag and order word of a data packet are no extra. */
	v[FIGURE_EXTRA] = 100 * ((double)s->outer_bytes - (double)s->inner_bytes - 32.0 * (double)s->inner_packets) /
			  max_of((double)s->inner_bytes, 1);
}

static double shrunk(struct sim *s)
{
	struct tunnel_session_info info;
	u64 sum = 0;

	for (u32 side = 0; side < 2; side++)
		if (sim_session(s, side, &info))
			sum += info.guard_shrinks;
	return (double)sum;
}

/* After what was on its way has arrived: what has not by then is lost. */
static void take_losses(const struct sim *s, double *v)
{
	double udp[3] = { 0 }, ping[2] = { 0 };

	for (u32 i = 0; i < s->flow_count; i++) {
		const struct flow *f = s->flows[i];
		double *sum = f->spec.kind == FLOW_UDP ? udp : ping;

		if (is_elastic(f))
			continue;
		sum[0] += (double)f->requests;
		sum[1] += (double)f->answers;
		if (f->spec.kind == FLOW_UDP)
			udp[2] += (double)late_of(f);
	}
	if (udp[0] > 0) {
		v[FIGURE_UDP_LOST] = 100 * (udp[0] - udp[1]) / udp[0];
		v[FIGURE_UDP_LATE] = 100 * udp[2] / max_of(udp[1], 1);
	}
	if (ping[0] > 0)
		v[FIGURE_PING_LOST] = 100 * (ping[0] - ping[1]) / ping[0];
}

/* ---- running ---- */

static struct sim *new_sim(const struct run_setup *setup, u32 only, bool verbose)
{
	struct sim *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->link_count = setup->link_count;
	s->only = only;
	s->slack_us = setup->slack_us;
	s->rest_us = setup->rest_us;
	s->rest_every_us = setup->rest_every_us;
	s->verbose = verbose;
	memcpy(s->specs, setup->links, sizeof(s->specs));
	for (u32 i = 0; i < 2; i++) {
		s->set[i].strategy = (enum sched_strategy)setup->strategy;
		s->set[i].no_fec = setup->no_fec;
		s->set[i].aggregation = (enum sched_aggregation)setup->aggregation;
		s->set[i].congestion = (enum rate_control)setup->congestion;
	}
	sim_begin(s, setup->seed);
	for (u32 i = 0; i < setup->flow_count; i++)
		flow_add(s, &setup->flows[i]);
	s->check.pace_from_ns = s->zero_ns + setup->skip * NS_PER_SEC;
	return s;
}

static void count_anew(struct sim *s, struct report_last *last)
{
	sim_count_anew(s);
	for (u32 i = 0; i < s->flow_count; i++)
		flow_count_anew(s->flows[i]);
	memset(last, 0, sizeof(*last));
}

/* The flows stop, what is under way arrives, and nothing may be left. */
static void drain(struct sim *s, u64 end, double *figures)
{
	for (u32 i = 0; i < s->flow_count; i++)
		s->flows[i]->spec.stop_ns = MIN(s->flows[i]->spec.stop_ns, end);
	sim_run_until(s, end + DRAIN_NS);
	take_losses(s, figures);
	check_quiet(&s->check);
}

static void keep_failures(const struct check *c, struct run_result *r, bool alone)
{
	for (u32 i = 0; i < MIN(c->failures, CHECK_KEPT); i++)
		if (strlen(r->text) + CHECK_TEXT + 16 < sizeof(r->text))
			sprintf(r->text + strlen(r->text), "%s%s\n", alone ? "(one link) " : "", c->texts[i]);
	r->failures += c->failures;
}

static void run_one(const struct run_setup *setup, u32 only, struct run_result *r, double *figures, bool print)
{
	struct sim *s = new_sim(setup, only, print && setup->verbose);
	struct report_last last = { 0 };
	struct returns returns = { 0 };
	u64 end = setup->seconds * NS_PER_SEC, skip = setup->skip * NS_PER_SEC;

	for (u64 at = RETURNS_STEP_NS; at <= end; at += RETURNS_STEP_NS) {
		sim_run_until(s, at);
		returns_note(&returns, s, s->flow_count && s->flows[0]->spec.up ? 0 : 1);
		if (at % NS_PER_SEC)
			continue;
		if (s->verbose)
			report_second(s, &last);
		if (at == skip)
			count_anew(s, &last);
	}
	for (u32 i = 0; i < s->flow_count; i++)
		flow_close_gap(s->flows[i]);
	take_figures(s, end - skip, figures);
	figures[FIGURE_SHRUNK] = shrunk(s);
	figures[FIGURE_BACK] = returns_longest_ms(&returns, s, skip);
	returns_free(&returns);
	if (print)
		report_all(s, end - skip);
	drain(s, end, figures);
	r->simulated_s += (double)(end + DRAIN_NS + SIM_WARM_UP_NS) / 1e9;
	sim_end(s);
	keep_failures(&s->check, r, only != 0);
	free(s);
}

static void run_alone(const struct run_setup *setup, struct run_result *r, bool print)
{
	double figures[FIGURE_COUNT], sum = 0, best = 0;

	for (u32 i = 0; i < setup->link_count; i++) {
		if (print)
			printf("link %u alone\n", i + 1);
		run_one(setup, i + 1, r, figures, print && setup->verbose);
		r->alone[i] = max_of(figures[FIGURE_GOODPUT], 0);
		sum += r->alone[i];
		best = max_of(best, r->alone[i]);
		if (print)
			printf("  goodput %.2f Mbit/s\n", r->alone[i]);
	}
	if (r->figures[FIGURE_GOODPUT] < 0 || sum <= 0)
		return;
	r->figures[FIGURE_SHARE] = r->figures[FIGURE_GOODPUT] / sum;
	r->figures[FIGURE_BEST] = r->figures[FIGURE_GOODPUT] / best;
}

/* ---- what must hold ---- */

/* One "name>=1.5"; moves on to the next. false: there is none, or it makes no sense (figure: FIGURE_COUNT). */
static bool next_expectation(const char **at, enum figure *figure, bool *least, double *limit)
{
	size_t n;
	char *end;

	while (**at == ' ')
		(*at)++;
	if (!**at)
		return false;
	n = strcspn(*at, "<>");
	*figure = FIGURE_COUNT;
	for (u32 i = 0; i < FIGURE_COUNT; i++)
		if (strlen(figure_names[i]) == n && !strncmp(*at, figure_names[i], n))
			*figure = (enum figure)i;
	if (*figure == FIGURE_COUNT || !(*at)[n] || (*at)[n + 1] != '=') {
		*figure = FIGURE_COUNT;
		return false;
	}
	*least = (*at)[n] == '>';
	*limit = strtod(*at + n + 2, &end);
	if (end == *at + n + 2)
		*figure = FIGURE_COUNT;
	*at = end;
	return *figure != FIGURE_COUNT;
}

int run_expect_valid(const char *expect)
{
	enum figure figure = 0;
	double limit;
	bool least;

	while (next_expectation(&expect, &figure, &least, &limit))
		continue;
	return figure == FIGURE_COUNT ? -EINVAL : 0;
}

static bool asks_for_singles(const char *expect)
{
	return expect && (strstr(expect, "share") || strstr(expect, "best"));
}

static void compare(const struct run_setup *setup, struct run_result *r)
{
	const char *at = setup->expect ? setup->expect : "";
	enum figure figure;
	double limit;
	bool least;

	while (next_expectation(&at, &figure, &least, &limit)) {
		double v = r->figures[figure];

		if (v >= 0 && (least ? v >= limit : v <= limit))
			continue;
		if (strlen(r->text) + CHECK_TEXT < sizeof(r->text))
			sprintf(r->text + strlen(r->text), "%s is %.4g, must be %s %.4g\n", figure_names[figure], v,
				least ? ">=" : "<=", limit);
		r->failures++;
	}
}

void run_setup(const struct run_setup *setup, struct run_result *r, bool print)
{
	memset(r, 0, sizeof(*r));
	run_one(setup, 0, r, r->figures, print);
	if (setup->single || asks_for_singles(setup->expect))
		run_alone(setup, r, print);
	compare(setup, r);
	for (u32 i = 0; print && i < FIGURE_COUNT; i++)
		if (r->figures[i] >= 0)
			printf("%s %.4g%s", figure_names[i], r->figures[i], i + 1 == FIGURE_COUNT ? "\n" : "  ");
}
