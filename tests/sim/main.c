// SPDX-License-Identifier: MIT
/* main.c - the simulator's command: one experiment from the command line, or scenarios from the table */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/batch.h"
#include "sim/scenarios.h"

static const char usage[] =
	"sim --link \"rate=100mbit delay=10ms queue=100ms\" --link ... --flow cubic[,n=4] --flow ...\n"
	"    [--seconds 60] [--skip 10] [--direction up|down] [--seed 1] [--single] [--verbose] [--expect \"share>=0.9\"]\n"
	"    [--strategy adaptive] [--aggregation full] [--congestion adaptive] [--slack 50us] [--no-fec] [--rest 30ms,200ms]\n"
	"sim --scenario NAME [--seed 1] [--vary] [--verbose]\n"
	"sim --all | --quick [--family NAME] [--runs N] [--seed 1] [--jobs N]\n"
	"sim --list\n";

static void __attribute__((noreturn)) bad(const char *what, const char *word)
{
	fprintf(stderr, "sim: %s: %s\n%s", what, word, usage);
	exit(2);
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum { OPT_LINK = 256, OPT_FLOW, OPT_SECONDS, OPT_SKIP, OPT_DIRECTION, OPT_SEED, OPT_SINGLE, OPT_VERBOSE, OPT_EXPECT,
       OPT_STRATEGY, OPT_AGGREGATION, OPT_CONGESTION, OPT_NO_FEC, OPT_SLACK, OPT_REST, OPT_SCENARIO, OPT_VARY, OPT_ALL, OPT_QUICK, OPT_FAMILY, OPT_RUNS, OPT_JOBS,
       OPT_LIST };

static const struct option options[] = {
	{ "link", required_argument, NULL, OPT_LINK },
	{ "flow", required_argument, NULL, OPT_FLOW },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "direction", required_argument, NULL, OPT_DIRECTION },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "single", no_argument, NULL, OPT_SINGLE },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "expect", required_argument, NULL, OPT_EXPECT },
	{ "strategy", required_argument, NULL, OPT_STRATEGY },
	{ "aggregation", required_argument, NULL, OPT_AGGREGATION },
	{ "congestion", required_argument, NULL, OPT_CONGESTION },
	{ "no-fec", no_argument, NULL, OPT_NO_FEC },
	{ "slack", required_argument, NULL, OPT_SLACK },
	{ "rest", required_argument, NULL, OPT_REST },
	{ "scenario", required_argument, NULL, OPT_SCENARIO },
	{ "vary", no_argument, NULL, OPT_VARY },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "family", required_argument, NULL, OPT_FAMILY },
	{ "runs", required_argument, NULL, OPT_RUNS },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "list", no_argument, NULL, OPT_LIST },
	{ 0 },
};

static struct run_setup setup = {
	.name = "command line", .seconds = 60, .skip = 10, .seed = 1, .aggregation = SCHED_FULL, .slack_us = 50,
};
static const char *flow_texts[RUN_FLOW_SPECS];
static bool up, vary;
static const struct scenario *scenario;
static struct batch batch = { .jobs = 1 };

static void __attribute__((noreturn)) list(void)
{
	for (u32 i = 0; i < scenario_count; i++)
		printf("%-10s %-28s %3u s  %s\n", scenarios[i].family, scenarios[i].name, scenarios[i].seconds, scenarios[i].expect);
	exit(0);
}

static void add_link(const char *text)
{
	char word[64];

	if (setup.link_count == SIM_LINKS)
		bad("too many links", text);
	if (spec_link(&setup.links[setup.link_count++], text, word))
		bad("not understood in --link", word);
}

static void add_flows(void)
{
	char word[64];

	for (u32 i = 0; i < setup.flow_count; i++)
		if (spec_flow(&setup.flows[i], flow_texts[i], up, word))
			bad("not understood in --flow", word);
}

/* "30ms,200ms": up to so long, so often */
static void set_rest(const char *value)
{
	const char *comma = strchr(value, ',');
	char most[32] = "";

	if (!comma || (size_t)(comma - value) >= sizeof(most))
		bad("not understood in --rest", value);
	memcpy(most, value, (size_t)(comma - value));
	setup.rest_us = (u64)spec_time(most) / NS_PER_US;
	setup.rest_every_us = (u64)spec_time(comma + 1) / NS_PER_US;
}

static void take_option(int c, const char *value)
{
	switch (c) {
	case OPT_LINK: add_link(value); break;
	case OPT_FLOW:
		if (setup.flow_count == RUN_FLOW_SPECS)
			bad("too many flows", value);
		flow_texts[setup.flow_count++] = value;
		break;
	case OPT_SECONDS: setup.seconds = (u32)atoi(value); break;
	case OPT_SKIP: setup.skip = (u32)atoi(value); break;
	case OPT_DIRECTION: up = !strcmp(value, "up"); break;
	case OPT_SEED: setup.seed = strtoull(value, NULL, 10); break;
	case OPT_SINGLE: setup.single = true; break;
	case OPT_VERBOSE: setup.verbose = true; break;
	case OPT_EXPECT:
		if (run_expect_valid(value))
			bad("not understood in --expect", value);
		setup.expect = value;
		break;
	case OPT_STRATEGY:
		if ((setup.strategy = sched_parse_strategy(value)) < 0)
			bad("no strategy", value);
		break;
	case OPT_NO_FEC: setup.no_fec = true; break;
	case OPT_AGGREGATION:
		if ((setup.aggregation = sched_parse_aggregation(value)) < 0)
			bad("no aggregation mode", value);
		break;
	case OPT_CONGESTION:
		if ((setup.congestion = rate_parse_control(value)) < 0)
			bad("no congestion control", value);
		break;
	case OPT_REST: set_rest(value); break;
	case OPT_SLACK: setup.slack_us = (u64)spec_time(value) / NS_PER_US; break;
	case OPT_SCENARIO:
		scenario = scenario_find(value);
		if (!scenario)
			bad("no scenario", value);
		break;
	case OPT_VARY: vary = true; break;
	case OPT_ALL: batch.all = true; break;
	case OPT_QUICK: batch.quick = true; break;
	case OPT_FAMILY: batch.family = value; break;
	case OPT_RUNS: batch.runs = (u32)atoi(value); break;
	case OPT_JOBS: batch.jobs = (u32)MIN(MAX(atoi(value), 1), 64); break;
	case OPT_LIST: list();
	default: bad("usage", "");
	}
}

static void print_speed(double simulated_s, double took)
{
	printf("%.0f simulated seconds in %.1f s: %.0f per second\n", simulated_s, took, simulated_s / took);
}

/* One experiment with all it tells: of the table or of the command line. */
static int run_single(void)
{
	double begin = seconds_now();
	static struct run_result result;
	bool verbose = setup.verbose, single = setup.single;

	if (scenario) {
		scenario_setup(scenario, setup.seed, vary, &setup);
		setup.verbose = verbose;
		setup.single = single;
	} else {
		add_flows();
	}
	if (!setup.link_count || !setup.flow_count)
		bad("missing", "a --link and a --flow");
	if (setup.skip >= setup.seconds)
		setup.skip = 0;
	run_setup(&setup, &result, true);
	print_speed(result.simulated_s, seconds_now() - begin);
	if (result.failures)
		printf("FAILED (%u)\n%s", result.failures, result.text);
	return result.failures != 0;
}

static int run_batch(const char *program)
{
	double begin = seconds_now();
	u32 failed;

	batch.program = program;
	batch.seed = setup.seed;
	failed = batch_run(&batch);
	print_speed(batch.simulated_s, seconds_now() - begin);
	return failed != 0;
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(c, optarg);
	return batch.all || batch.quick || batch.runs ? run_batch(argv[0]) : run_single();
}
