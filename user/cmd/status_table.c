// SPDX-License-Identifier: MIT
/* status_table.c - what `status` and `uplink list` show to people
 *
 * Reads the JSON of the control socket, so that people and programs are told the same.
 */
#include "cmd/status_table.h"

#include <stdio.h>
#include <string.h>

#include "cmd/path_list.h"
#include "cmd/text.h"

static const char *text(const json_t *from, const char *field)
{
	const char *value = json_string_value(json_object_get(from, field));

	return value ? value : "-";
}

static u64 number(const json_t *from, const char *field)
{
	return (u64)json_integer_value(json_object_get(from, field));
}

static bool truth(const json_t *from, const char *field)
{
	return json_is_true(json_object_get(from, field));
}

/* The path of the same uplink and id in the report before; NULL: it is new. */
static const json_t *same_path(const json_t *uplinks, const json_t *path)
{
	const json_t *uplink, *other;
	size_t i, k;

	json_array_foreach(uplinks, i, uplink) {
		json_array_foreach(json_object_get(uplink, "paths"), k, other)
			if (number(other, "id") == number(path, "id") && !strcmp(text(other, "uplink"), text(path, "uplink")))
				return other;
	}
	return NULL;
}

static char *rate_now(const json_t *path, const json_t *before, const char *field, u64 apart_us, char *out)
{
	u64 was = number(before, field), is = number(path, field);

	if (!before || !apart_us || is < was)
		return strcpy(out, "-");
	return text_rate((u64)((double)(is - was) * SEC / (double)apart_us), out);
}

static void print_header(bool live)
{
	printf("%s%-15s %-11s %8s %7s %11s", text_colour(TEXT_BOLD), "UPLINK", "STATE", "RTT", "LOSS", "CAPACITY");
	printf(" %11s %11s%s\n", live ? "UP NOW" : "SENT", live ? "DOWN NOW" : "RECEIVED", text_colour(TEXT_PLAIN));
}

#define PIECE 96
#define LINE 2048

static u64 sent_by_all(const json_t *paths)
{
	const json_t *path;
	u64 sum = 0;
	size_t i;

	json_array_foreach(paths, i, path)
		sum += number(path, "sent_bytes_last_second");
	return sum;
}

static bool is_number(const json_t *from, const char *field)
{
	return json_is_integer(json_object_get(from, field));
}

/* "cruise at 18.9 Mbit/s", "cubic, not paced" */
static char *sending_pace(const json_t *path, const char *congestion, char out[PIECE])
{
	const char *how = strcmp(congestion, "adaptive") ? congestion : text(path, "phase");
	u64 pace = number(path, "pace_bytes_per_second");
	char rate[TEXT_BYTES];

	snprintf(out, PIECE, pace ? "%s at %s" : "%s, not paced", how, text_rate(pace, rate));
	return out;
}

/* "59.2 kB of 92.8 kB in flight" */
static char *sending_window(const json_t *path, char out[PIECE])
{
	char flight[TEXT_BYTES], window[TEXT_BYTES];
	bool any = !is_number(path, "window_bytes");

	snprintf(out, PIECE, "%s%s%s in flight", text_bytes(number(path, "in_flight_bytes"), flight), any ? "" : " of ",
		 any ? "" : text_bytes(number(path, "window_bytes"), window));
	return out;
}

/* "queue 2.1 ms, jitter 0.3 ms, one way +4.0 ms": beyond the fastest path */
static char *sending_delay(const json_t *path, char out[PIECE])
{
	char queue[TEXT_BYTES], jitter[TEXT_BYTES], beyond[TEXT_BYTES];
	bool any = is_number(path, "delay_beyond_us");

	text_ms(number(path, "delay_beyond_us"), beyond);
	snprintf(out, PIECE, "queue %s, jitter %s%s%s", text_ms(number(path, "queue_us"), queue),
		 text_ms(number(path, "jitter_us"), jitter), any ? ", one way +" : "", any ? beyond : "");
	return out;
}

/* What the scheduler knows of a path: how fast it is sent on, what stands in its way, what it got. */
static void print_sending(const json_t *path, const char *congestion, u64 all)
{
	char pace[PIECE], window[PIECE], delay[PIECE], share[PIECE] = "";
	const char *why = text(path, "left_out");

	if (all)
		snprintf(share, sizeof(share), "; %llu %% of the last second",
			 (unsigned long long)(number(path, "sent_bytes_last_second") * 100 / all));
	text_below("%s, %s%s", sending_pace(path, congestion, pace), sending_window(path, window), share);
	text_below("%s", sending_delay(path, delay));
	if (why[0] && strcmp(why, "-"))
		text_below("left out: %s", why);
}

static void print_details(const json_t *path, const char *congestion, u64 all)
{
	char rtt[TEXT_BYTES], variation[TEXT_BYTES];

	text_below("%s -> %s, seen as %s; %s%s%s, weight %llu", text(path, "local"), text(path, "remote"), text(path, "seen"),
		    text(path, "kind"), truth(path, "metered") ? ", metered" : "", truth(path, "backup") ? ", backup" : "",
		    (unsigned long long)number(path, "weight"));
	text_below("health %s, least RTT %s, variation %s, MTU %llu; %llu packets lost, %llu handshakes", text(path, "health"),
		    text_ms(number(path, "rtt_min_us"), rtt), text_ms(number(path, "rtt_variation_us"), variation),
		    (unsigned long long)number(path, "mtu"), (unsigned long long)number(path, "lost_packets"), (unsigned long long)number(path, "handshakes"));
	print_sending(path, congestion, all);
}

/* "metered: spared while others do", "quota: 1.2 GB of 10.0 GB this month" */
static void print_limits(const json_t *uplink)
{
	char rate[TEXT_BYTES], used[TEXT_BYTES], quota[TEXT_BYTES];
	bool has_quota = json_is_integer(json_object_get(uplink, "quota_bytes"));
	bool has_rate = json_is_integer(json_object_get(uplink, "rate_limit_bytes_per_second"));
	const char *datapath = text(uplink, "datapath");
	bool spent = has_quota && number(uplink, "quota_used_bytes") >= number(uplink, "quota_bytes");

	if (truth(uplink, "metered"))
		puts("    metered: spared while others do");
	if (truth(uplink, "backup"))
		puts("    backup: used when no other is up");
	if (!strncmp(datapath, "xdp ", 4))
		printf("    AF_XDP: %s\n", datapath + 4);
	else if (json_is_string(json_object_get(uplink, "datapath_why")))
		text_below("a socket, not AF_XDP: %s", text(uplink, "datapath_why"));
	if (has_rate)
		printf("    rate: at most %s each way\n", text_rate(number(uplink, "rate_limit_bytes_per_second"), rate));
	if (has_quota)
		printf("    quota: %s of %s this month%s%s%s\n", text_bytes(number(uplink, "quota_used_bytes"), used),
		       text_bytes(number(uplink, "quota_bytes"), quota), text_colour(spent ? TEXT_WARN : TEXT_PLAIN),
		       spent ? ", used up: it only stands by" : "", text_colour(TEXT_PLAIN));
}

static void print_path(const char *name, const json_t *path, const json_t *before, u64 apart_us)
{
	char rtt[TEXT_BYTES] = "-", sent[TEXT_BYTES], received[TEXT_BYTES], loss[PATH_LIST_NAME_BYTES], capacity[PATH_LIST_NAME_BYTES];
	const char *state = text(path, "state");

	if (number(path, "rtt_us"))
		text_ms(number(path, "rtt_us"), rtt);
	printf("%-15s %s%-11s%s %8s %7s %11s", name, text_colour(text_state_colour(state)), state, text_colour(TEXT_PLAIN),
	       rtt, path_list_loss(path, loss), path_list_capacity(path, capacity));
	if (apart_us)
		printf(" %11s %11s\n", rate_now(path, before, "sent_bytes", apart_us, sent),
		       rate_now(path, before, "received_bytes", apart_us, received));
	else
		printf(" %11s %11s\n", text_bytes(number(path, "sent_bytes"), sent), text_bytes(number(path, "received_bytes"), received));
}

/* An uplink without a path. */
static void print_idle_uplink(const json_t *uplink)
{
	const char *state = !truth(uplink, "present") ? "absent" : truth(uplink, "usable") ? "waiting" : "unusable";

	printf("%-15s %s%-11s%s\n", text(uplink, "name"), text_colour(text_state_colour(state)), state, text_colour(TEXT_PLAIN));
}

static u64 sent_by_uplinks(const json_t *uplinks)
{
	const json_t *uplink;
	u64 sum = 0;
	size_t i;

	json_array_foreach(uplinks, i, uplink)
		sum += sent_by_all(json_object_get(uplink, "paths"));
	return sum;
}

void status_print_uplinks(const json_t *uplinks, const json_t *before, u64 apart_us, const char *detailed)
{
	u64 all = sent_by_uplinks(uplinks);
	const json_t *uplink, *path;
	size_t i, k;

	print_header(apart_us != 0);
	json_array_foreach(uplinks, i, uplink) {
		const json_t *paths = json_object_get(uplink, "paths");

		if (!json_array_size(paths))
			print_idle_uplink(uplink);
		json_array_foreach(paths, k, path) {
			print_path(text(path, "uplink"), path, same_path(before, path), apart_us);
			if (detailed)
				print_details(path, detailed, all);
		}
		print_limits(uplink);
	}
}

/* Counters that are not zero, by name. */
static void print_counts(const char *title, const json_t *counts)
{
	char line[LINE];
	size_t used = (size_t)snprintf(line, sizeof(line), "%s", title), begun = used;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)counts, name, value)
		if (json_integer_value(value) && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, "%s %s %lld", used == begun ? "" : ",", name,
						 (long long)json_integer_value(value));
	if (used != begun)
		text_below("%s", line);
}

static void print_tail(const json_t *status)
{
	print_counts("events:", json_object_get(status, "counters"));
	print_counts("dropped:", json_object_get(status, "drops"));
	if (json_is_string(json_object_get(status, "programs_refused")))
		text_below("no programs in the kernel: %s", text(status, "programs_refused"));
	print_counts("filter:", json_object_get(status, "filter"));
	print_counts("dropped by the filter:", json_object_get(status, "filter_drops"));
	print_counts("dropped by the firewall:", json_object_get(status, "firewall_drops"));
	print_counts("between workers:", json_object_get(status, "handover"));
	print_counts("tunnel device:", json_object_get(status, "tun_counters"));
}

static void print_client_head(const json_t *s)
{
	const json_t *config = json_object_get(s, "config"), *session = json_object_get(s, "session");
	const char *state = text(s, "state");
	bool has_ip6 = json_is_string(json_object_get(config, "ip6"));
	char age[TEXT_BYTES], inner[2 * PIECE] = "";

	if (json_is_object(config))
		snprintf(inner, sizeof(inner), ", as %s%s%s", text(config, "ip4"), has_ip6 ? " " : "", has_ip6 ? text(config, "ip6") : "");
	text_line("%s%s%s: %s%s%s for %s to %s by %s%s", text_colour(TEXT_BOLD), text(s, "name"), text_colour(TEXT_PLAIN),
		  text_colour(text_state_colour(state)), state, text_colour(TEXT_PLAIN), text_duration(number(s, "state_us"), age),
		  text(s, "server"), text(s, "tun"), inner);
	text_line("%s, aggregation %s, congestion %s%s%s%s%s%s", text(s, "strategy"), text(s, "aggregation"), text(s, "congestion"),
		  truth(s, "copies") ? "" : ", no copies", truth(s, "full_tunnel") ? ", full tunnel" : "",
		  truth(s, "kill_switch") ? ", kill switch" : truth(s, "kill_switch_wanted") ? ", the kill switch is NOT up" : "",
		  json_is_object(session) ? ", " : "", json_is_object(session) ? text(session, "suite") : "");
}

/* What waits, and what repair and reordering did. */
void status_print_session(const json_t *s)
{
	char bytes[TEXT_BYTES], age[TEXT_BYTES], repaired[TEXT_BYTES], copied[TEXT_BYTES];

	if (!json_is_object(s))
		return;
	text_below("waiting: %llu packets (%s), the oldest for %s; %llu in line for a path, %llu to be sent again",
		    (unsigned long long)number(s, "queue_packets"), text_bytes(number(s, "queue_bytes"), bytes),
		    text_ms(number(s, "queue_age_us"), age), (unsigned long long)number(s, "line_packets"),
		    (unsigned long long)number(s, "again_packets"));
	text_below("sent again: %llu packets (%s), given up %llu; sent twice: %llu (%s)",
		    (unsigned long long)number(s, "repaired_packets"), text_bytes(number(s, "repaired_bytes"), repaired),
		    (unsigned long long)number(s, "skipped_packets"), (unsigned long long)number(s, "copied_packets"),
		    text_bytes(number(s, "copied_bytes"), copied));
	text_below("order of what came: %llu held back now; holes: %llu filled, %llu given up; %llu late, %llu double",
		    (unsigned long long)number(s, "reorder_held"), (unsigned long long)number(s, "reorder_filled"),
		    (unsigned long long)number(s, "reorder_expired"), (unsigned long long)number(s, "reorder_late"),
		    (unsigned long long)number(s, "reorder_copies"));
	if (number(s, "stretch_us"))
		text_below("bulk takes %s longer than by the nearest path: a sender fills that one and leaves a farther one idle",
			   text_ms(number(s, "stretch_us"), age));
}

static void print_client(const json_t *now, const json_t *before, u64 apart_us, bool detailed)
{
	print_client_head(now);
	putchar('\n');
	status_print_uplinks(json_object_get(now, "uplinks"), json_object_get(before, "uplinks"), apart_us,
			     detailed ? text(now, "congestion") : NULL);
	if (detailed) {
		putchar('\n');
		status_print_session(json_object_get(now, "session"));
		print_tail(now);
	}
}

static void print_session(const json_t *session, const char *detailed)
{
	const json_t *paths = json_object_get(session, "paths"), *path;
	char age[TEXT_BYTES], sent[TEXT_BYTES], received[TEXT_BYTES];
	size_t i;

	printf("%-20s %-15s %5zu %9s %9s %9s\n", truth(session, "anonymous") ? "(anonymous)" : text(session, "client"),
	       text(session, "ip4"), json_array_size(paths), text_duration(number(session, "connected_us"), age),
	       text_bytes(number(session, "carried_bytes"), sent), text_bytes(number(session, "delivered_bytes"), received));
	if (!detailed)
		return;
	json_array_foreach(paths, i, path) {
		char rtt[TEXT_BYTES], loss[PATH_LIST_NAME_BYTES];

		text_below("path %llu %s %s: %s, loss %s, %s", (unsigned long long)number(path, "id"), text(path, "remote"),
			    text(path, "state"), text_ms(number(path, "rtt_us"), rtt), path_list_loss(path, loss),
			    text(path, "kind"));
		print_sending(path, detailed, sent_by_all(paths));
	}
	status_print_session(session);
}

/* Only those with AF_XDP: sockets are what one expects. */
static void print_interfaces(const json_t *s)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(s, "interfaces"), i, one)
		if (!strncmp(text(one, "datapath"), "xdp ", 4))
			text_below("interface %s: AF_XDP %s, %llu queues", text(one, "name"), text(one, "datapath") + 4,
				   (unsigned long long)number(one, "queues"));
}

static void print_server(const json_t *s, bool detailed)
{
	const json_t *sessions = json_object_get(s, "sessions"), *one;
	char age[TEXT_BYTES], listen[LINE / 2] = "";
	size_t i, used = 0;

	json_array_foreach(json_object_get(s, "listen"), i, one)
		if (used < sizeof(listen))
			used += (size_t)snprintf(listen + used, sizeof(listen) - used, "%s %s", i ? "," : "", json_string_value(one));
	text_line("%s%s%s: server for %s on%s%s%s", text_colour(TEXT_BOLD), text(s, "name"), text_colour(TEXT_PLAIN),
		  text_duration(number(s, "uptime_us"), age), listen, truth(s, "tcp") ? ", TCP too" : "", truth(s, "open") ? ", open to all" : "");
	text_line("pools %s, %s; %zu session%s", text(s, "pool4"), text(s, "pool6"), json_array_size(sessions), json_array_size(sessions) == 1 ? "" : "s");
	putchar('\n');
	printf("%s%-20s %-15s %5s %9s %9s %9s%s\n", text_colour(TEXT_BOLD), "CLIENT", "ADDRESS", "PATHS", "SINCE", "SENT", "RECEIVED",
	       text_colour(TEXT_PLAIN));
	json_array_foreach(sessions, i, one)
		print_session(one, detailed ? text(s, "congestion") : NULL);
	if (detailed) {
		print_interfaces(s);
		print_tail(s);
	}
}

void status_print(const json_t *now, const json_t *before, u64 apart_us, bool detailed)
{
	if (!strcmp(text(now, "role"), "server"))
		print_server(now, detailed);
	else
		print_client(now, before, apart_us, detailed);
}
