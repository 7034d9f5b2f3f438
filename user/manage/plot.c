// SPDX-License-Identifier: MIT
/* plot.c - a flight record as a picture
 *
 *   name, when and why it was taken
 *   eth0    sums                     legend      for each path: rates, losses as ticks that hang from the top,
 *   [ rates  ]                                   its states as background
 *   [ delays ]
 *   session sums                     legend      what applications see, and what waits
 *   [ rates  ]
 *   [ packets that wait ]
 *   [ how long they wait ]                       where the engine measures it
 */
#include "manage/plot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "manage/chart.h"
#include "manage/record_report.h"

#define WIDTH 1040.0
#define LEFT 72.0
#define RIGHT 24.0
#define HEAD 62.0
#define TITLE 40.0		/* of a panel, down to its first chart */
#define BETWEEN 30.0		/* charts of a panel */
#define FOOT 40.0		/* numbers of the time axis, and air */
#define TALL 130.0
#define LOW 84.0
#define PATH_PANEL (TITLE + TALL + BETWEEN + LOW + FOOT)
#define SESSION_PANEL (TITLE + TALL + BETWEEN + LOW + FOOT)
#define KEY_WIDTH 22.0
#define MBIT 8e-6		/* of bytes */
#define MS 1e-3			/* of microseconds */

static const char style[] =
	"text { font: 11px system-ui, 'DejaVu Sans', Verdana, sans-serif; fill: #444 }\n"
	".paper { fill: #fff } .plot { fill: #fafbfc }\n"
	".head { font-size: 17px; font-weight: 600; fill: #111 } .sub { font-size: 12px; fill: #555 }\n"
	".name { font-size: 14px; font-weight: 600; fill: #111 } .facts { font-size: 12px; fill: #555 }\n"
	".number { font-size: 10px; fill: #666 } .unit { font-size: 10px; fill: #666 } .word { font-size: 10px; fill: #8a5a00 }\n"
	".grid { stroke: #e3e6ea; stroke-width: 1 } .axis { stroke: #9aa1a9; stroke-width: 1 }\n"
	"path { fill: none; stroke-width: 1.4; stroke-linejoin: round }\n"
	"path.sent { fill: #bcd7f0; stroke: none } path.acked { stroke: #1a7f4b } path.received { stroke: #7a4aa8 }\n"
	"path.estimate { stroke: #222; stroke-dasharray: 5 3; stroke-width: 1.1 }\n"
	"path.pacing { stroke: #c77700; stroke-dasharray: 2 2 }\n"
	"path.queue { fill: #f7cf94; stroke: none } path.rtt { stroke: #1f6fb4 }\n"
	"path.oneway { stroke: #777; stroke-dasharray: 2 2 }\n"
	"path.held { stroke: #7a4aa8 } path.waiting { fill: #f7cf94; stroke: none }\n"
	"path.sojourn { stroke: #c77700; stroke-dasharray: 4 2 }\n"
	"line.sent { stroke: #bcd7f0 } line.queue, line.waiting { stroke: #f7cf94 }\n"
	"line.acked { stroke: #1a7f4b } line.received, line.held { stroke: #7a4aa8 } line.rtt { stroke: #1f6fb4 }\n"
	"line.estimate { stroke: #222; stroke-dasharray: 5 3 } line.pacing, line.sojourn { stroke: #c77700; stroke-dasharray: 2 2 }\n"
	"line.oneway { stroke: #777; stroke-dasharray: 2 2 }\n"
	"line.key { stroke-width: 2 } line.key.sent, line.key.queue, line.key.waiting { stroke-width: 8 }\n"
	"line.lost { stroke: #d0312d; stroke-width: 1.4 } line.repairs { stroke: #1a7f4b; stroke-width: 1.4 }\n"
	".suspect { fill: #ffeec7 } .down { fill: #fbd9d5 } .connecting { fill: #e6ebf2 } .absent { fill: #ececec }\n"
	".outage { stroke: #d0312d; stroke-width: 1; stroke-dasharray: 4 3 }\n";

struct plot {
	FILE *out;
	const json_t *record;
	struct timeline time;
	double outage_s;	/* 1: there was none */
	double y;		/* of what is drawn next */
};

/* ---- pieces ---- */

static struct chart chart_at(const struct plot *p, double height, double most)
{
	struct chart c = { .out = p->out, .time = &p->time, .x = LEFT, .y = p->y, .width = WIDTH - LEFT - RIGHT, .height = height };

	chart_scale(&c, most);
	svg_rect(c.out, "plot", c.x, c.y, c.width, c.height);
	return c;
}

struct key {
	const char *class, *word;
	const struct bins *bins;	/* unknown: not shown */
};

static bool is_shown(const struct key *k)
{
	return !k->bins || k->bins->known;
}

/* The letters are not ours, so their width is a guess on the safe side. */
static double width_of(const struct key *k)
{
	return is_shown(k) ? KEY_WIDTH + 6.6 * (double)strlen(k->word) + 12 : 0;
}

/* In the line above a chart, to the right. */
static void draw_legend(const struct plot *p, const struct key *keys, u32 count)
{
	double x = WIDTH - RIGHT + 12;

	for (u32 i = 0; i < count; i++)
		x -= width_of(&keys[i]);
	for (u32 i = 0; i < count; i++) {
		char class[32];

		if (!is_shown(&keys[i]))
			continue;
		snprintf(class, sizeof(class), "key %s", keys[i].class);
		svg_line(p->out, class, x, p->y + 10, x + KEY_WIDTH - 6, p->y + 10);
		svg_text(p->out, "legend", SVG_START, x + KEY_WIDTH, p->y + 14, "%s", keys[i].word);
		x += width_of(&keys[i]);
	}
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "?";
}

/* ---- a path ---- */

static void draw_states(const struct chart *c, const json_t *path, bool words)
{
	static const struct {
		const char *state, *class;
	} bands[] = { { "suspect", "suspect" }, { "down", "down" }, { "connecting", "connecting" } };
	const json_t *states = json_object_get(path, "states");
	double last_s = c->time->at_s[c->time->rows - 1] + RECORDER_INTERVAL_US / 1e6;

	for (size_t i = 0; i < json_array_size(states); i++) {
		const json_t *now = json_array_get(states, i), *next = json_array_get(states, i + 1);
		const char *state = json_string_value(json_object_get(now, "state"));
		const char *class = state ? NULL : "absent";
		double from = json_number_value(json_object_get(now, "t_us")) / 1e6;
		double to = next ? json_number_value(json_object_get(next, "t_us")) / 1e6 : last_s;

		for (size_t j = 0; state && j < ARRAY_SIZE(bands); j++)
			if (!strcmp(bands[j].state, state))
				class = bands[j].class;
		if (class)
			chart_band(c, class, from, to, words ? state ? state : "absent" : NULL);
	}
}

static void draw_path_rates(struct plot *p, const json_t *path)
{
	struct bins sent, acked, received, estimate, pacing, lost;
	struct chart c;

	series_read(&p->time, path, "sent_bytes", SERIES_RATE, MBIT, &sent);
	series_read(&p->time, path, "acked_bytes", SERIES_RATE, MBIT, &acked);
	series_read(&p->time, path, "received_bytes", SERIES_RATE, MBIT, &received);
	series_read(&p->time, path, "rate_bytes", SERIES_MEAN, MBIT, &estimate);
	series_read(&p->time, path, "pacing_bytes", SERIES_MEAN, MBIT, &pacing);
	series_read(&p->time, path, "lost_packets", SERIES_SUM, 1, &lost);

	const struct key keys[] = { { "sent", "sent", &sent }, { "acked", "acked", &acked }, { "received", "received", &received },
				    { "estimate", "estimate", &estimate }, { "pacing", "pacing", &pacing }, { "lost", "lost", NULL } };

	svg_text(p->out, "name", SVG_START, LEFT, p->y + 14, "%s", text_of(path, "uplink"));
	svg_text(p->out, "facts", SVG_START, LEFT + 9.5 * (double)strlen(text_of(path, "uplink")) + 12, p->y + 14,
		 "sent %.1f MB, received %.1f MB, lost %.0f packets", sent.sum / 8, received.sum / 8, lost.sum);
	draw_legend(p, keys, ARRAY_SIZE(keys));
	p->y += TITLE;
	c = chart_at(p, TALL, MAX(MAX(MAX(sent.most, acked.most), received.most), MAX(estimate.most, pacing.most)));
	draw_states(&c, path, true);
	chart_frame(&c, "Mbit/s");
	chart_area(&c, "sent", &sent);
	chart_line(&c, "received", &received);
	chart_line(&c, "acked", &acked);
	chart_line(&c, "estimate", &estimate);
	chart_line(&c, "pacing", &pacing);
	chart_ticks(&c, "lost", &lost);
	chart_mark(&c, "outage", p->outage_s);
	p->y += TALL;
}

static void draw_path_delays(struct plot *p, const json_t *path)
{
	struct bins rtt, queue, oneway;
	struct chart c;

	series_read(&p->time, path, "srtt_us", SERIES_MEAN, MS, &rtt);
	series_read(&p->time, path, "queue_us", SERIES_MOST, MS, &queue);
	series_read(&p->time, path, "delay_us", SERIES_MEAN, MS, &oneway);

	const struct key keys[] = { { "rtt", "round trip", &rtt }, { "queue", "queue", &queue }, { "oneway", "one way", &oneway } };

	draw_legend(p, keys, ARRAY_SIZE(keys));
	p->y += BETWEEN;
	c = chart_at(p, LOW, MAX(MAX(rtt.most, queue.most), oneway.most));
	draw_states(&c, path, false);
	chart_frame(&c, "ms");
	chart_area(&c, "queue", &queue);
	chart_line(&c, "rtt", &rtt);
	chart_line(&c, "oneway", &oneway);
	chart_mark(&c, "outage", p->outage_s);
	chart_times(&c);
	p->y += LOW + FOOT;
}

static void draw_path(struct plot *p, const json_t *path)
{
	char id[32];

	snprintf(id, sizeof(id), "path-%d", (int)json_integer_value(json_object_get(path, "id")));
	svg_group(p->out, id, "panel");
	draw_path_rates(p, path);
	draw_path_delays(p, path);
	svg_group_end(p->out);
}

/* ---- the session ---- */

/* What all paths together are thought to carry. */
static void sum_estimates(const struct plot *p, struct bins *sum)
{
	const json_t *paths = json_object_get(p->record, "paths");

	*sum = (struct bins){ 0 };
	for (u32 i = 0; i < SERIES_BINS; i++)
		sum->at[i] = NAN;
	for (size_t i = 0; i < json_array_size(paths); i++) {
		struct bins one;

		series_read(&p->time, json_array_get(paths, i), "rate_bytes", SERIES_MEAN, MBIT, &one);
		for (u32 bin = 0; bin < p->time.bins; bin++) {
			if (isnan(one.at[bin]))
				continue;
			sum->at[bin] = isnan(sum->at[bin]) ? one.at[bin] : sum->at[bin] + one.at[bin];
			sum->most = MAX(sum->most, sum->at[bin]);
			sum->known = true;
		}
	}
}

static void draw_session_rates(struct plot *p, const json_t *session)
{
	struct bins in, out, sum;
	struct chart c;

	sum_estimates(p, &sum);
	series_read(&p->time, session, "carried_bytes", SERIES_RATE, MBIT, &in);
	series_read(&p->time, session, "delivered_bytes", SERIES_RATE, MBIT, &out);

	const struct key keys[] = { { "sent", "from applications", &in }, { "received", "to applications", &out },
				    { "estimate", "all estimates", &sum } };

	svg_text(p->out, "name", SVG_START, LEFT, p->y + 14, "session");
	svg_text(p->out, "facts", SVG_START, LEFT + 80, p->y + 14, "carried %.1f MB, delivered %.1f MB", in.sum / 8, out.sum / 8);
	draw_legend(p, keys, ARRAY_SIZE(keys));
	p->y += TITLE;
	c = chart_at(p, TALL, MAX(MAX(in.most, out.most), sum.most));
	chart_frame(&c, "Mbit/s");
	chart_area(&c, "sent", &in);
	chart_line(&c, "received", &out);
	chart_line(&c, "estimate", &sum);
	chart_mark(&c, "outage", p->outage_s);
	p->y += TALL;
}

static void draw_session_waiting(struct plot *p, const json_t *session)
{
	struct bins held, queue, expired, repairs;
	struct chart c;

	series_read(&p->time, session, "held_packets", SERIES_MOST, 1, &held);
	series_read(&p->time, session, "queue_packets", SERIES_MOST, 1, &queue);
	series_read(&p->time, session, "holes_expired", SERIES_SUM, 1, &expired);
	series_read(&p->time, session, "repairs", SERIES_SUM, 1, &repairs);

	const struct key keys[] = { { "waiting", "queue", &queue }, { "held", "held for order", &held },
				    { "repairs", "repairs", &repairs }, { "lost", "holes given up", &expired } };

	draw_legend(p, keys, ARRAY_SIZE(keys));
	p->y += BETWEEN;
	c = chart_at(p, LOW, MAX(MAX(held.most, queue.most), 4));
	chart_frame(&c, "packets");
	chart_area(&c, "waiting", &queue);
	chart_line(&c, "held", &held);
	chart_ticks(&c, "repairs", &repairs);
	chart_ticks(&c, "lost", &expired);
	chart_mark(&c, "outage", p->outage_s);
	p->y += LOW;
}

static void draw_session_sojourn(struct plot *p, const struct bins *sojourn)
{
	const struct key key = { "sojourn", "wait in the queue", sojourn };
	struct chart c;

	draw_legend(p, &key, 1);
	p->y += BETWEEN;
	c = chart_at(p, LOW, sojourn->most);
	chart_frame(&c, "ms");
	chart_line(&c, "sojourn", sojourn);
	chart_mark(&c, "outage", p->outage_s);
	chart_times(&c);
	p->y += LOW;
}

static void draw_session(struct plot *p)
{
	const json_t *session = json_object_get(p->record, "session");
	struct bins sojourn;

	series_read(&p->time, session, "queue_us", SERIES_MOST, MS, &sojourn);
	svg_group(p->out, "session", "panel");
	draw_session_rates(p, session);
	draw_session_waiting(p, session);
	if (sojourn.known) {
		draw_session_sojourn(p, &sojourn);
	} else {
		struct chart c = { .out = p->out, .time = &p->time, .x = LEFT, .y = p->y, .width = WIDTH - LEFT - RIGHT };

		chart_times(&c);
	}
	svg_group_end(p->out);
}

/* ---- all of it ---- */

static void draw_head(const struct plot *p)
{
	time_t taken = (time_t)json_integer_value(json_object_get(p->record, "taken_s"));
	char date[64] = "?";
	struct tm tm;

	if (gmtime_r(&taken, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	svg_text(p->out, "head", SVG_START, LEFT, 28, "triglav %s: the last minute", text_of(p->record, "name"));
	if (p->outage_s <= 0)
		svg_text(p->out, "sub", SVG_START, LEFT, 47, "taken %s after %s, the red line; times are seconds before that", date,
			 text_of(p->record, "why"));
	else
		svg_text(p->out, "sub", SVG_START, LEFT, 47, "taken %s, %s; times are seconds before that", date,
			 text_of(p->record, "why"));
}

static double height_of(size_t paths, bool with_sojourn)
{
	return HEAD + (double)paths * PATH_PANEL + SESSION_PANEL + (with_sojourn ? BETWEEN + LOW : 0);
}

int plot_record(FILE *out, const json_t *record)
{
	const json_t *paths = json_object_get(record, "paths"), *outage = json_object_get(record, "outage_us");
	struct plot p = { .out = out, .record = record, .y = HEAD,
			  .outage_s = json_is_number(outage) ? json_number_value(outage) / 1e6 : 1 };
	bool with_sojourn = json_is_array(json_object_get(json_object_get(record, "session"), "queue_us"));
	int err = json_integer_value(json_object_get(record, "triglav_record")) == RECORD_VERSION ? 0 : -EPROTO;

	if (!err && json_array_size(paths) > RECORDER_PATHS)
		err = -EPROTO;
	if (!err)
		err = timeline_read(&p.time, record);
	if (err)
		return err;
	svg_begin(out, WIDTH, height_of(json_array_size(paths), with_sojourn), style);
	svg_rect(out, "paper", 0, 0, WIDTH, height_of(json_array_size(paths), with_sojourn));
	draw_head(&p);
	for (size_t i = 0; i < json_array_size(paths); i++)
		draw_path(&p, json_array_get(paths, i));
	draw_session(&p);
	svg_end(out);
	timeline_free(&p.time);
	return 0;
}
