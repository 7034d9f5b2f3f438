#!/bin/bash
# SPDX-License-Identifier: MIT
# The flight recorder: a link goes silent under traffic, and a file with the seconds before and after is left; the record
# of a running client is drawn on request; and what is said where there is nothing to draw.
. "$(dirname "$0")/lab.sh"
need_triglav
CTL=$BUILD/triglav-ctl
[ -x "$CTL" ] || fail "build/triglav-ctl is missing"

lab_new "rate=40mbit delay=10ms" "rate=20mbit delay=30ms loss=0.5%"
KEPT=$LAB/client-state/$LAB_ID-c

record() { # arguments...
	in_client "$CTL" record "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"
}

expect() { # exit code, a piece of what is said, command...
	local code=$1 says=$2 got=0 said
	shift 2
	said=$("$@" 2>&1) || got=$?
	assert_equal "exit code of $*: $said" $got "$code"
	[[ $said == *"$says"* ]] || fail "$* does not say \"$says\": $said"
}

# What is asked of a record, in the words of python: d is the document, t its times, path(name) one of its paths, state(p, i) and
# states(p) what it was in row i and ever.
record_holds() { # file, what, expression
	$PYTHON -I - "$1" "$3" <<-'PY' || fail "$2: $3 does not hold in $(basename "$1")"
	import json, sys
	d = json.load(open(sys.argv[1]))
	t = d["t_us"]
	def path(name): return next(p for p in d["paths"] if p["uplink"] == name)
	def states(p): return [s["state"] for s in p["states"]]
	def state_at(p, us): return [s["state"] for s in p["states"] if s["t_us"] <= us][-1]
	def total(p, column, begin, end): return sum(v or 0 for v, us in zip(p[column], t) if begin <= us < end)
	sys.exit(not eval(sys.argv[2]))
	PY
}

svg_holds() { # file, what, expression in the SVG's texts (list) and groups (list of ids)
	$PYTHON -I - "$1" "$3" <<-'PY' || fail "$2: $3 does not hold in $(basename "$1")"
	import sys, xml.etree.ElementTree as x
	root = x.parse(sys.argv[1]).getroot()
	texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
	groups = [e.get("id") for e in root.iter("{http://www.w3.org/2000/svg}g")]
	sys.exit(not eval(sys.argv[2]))
	PY
}

kept_files() { # how many there are
	[ "$(find "$KEPT" -name 'record-*.json' 2> /dev/null | wc -l)" = "$1" ]
}

expect 3 "no triglav named \"$LAB_ID-c\" runs" record "$LAB/none.svg"
[ ! -e "$LAB/none.svg" ] || fail "a file was made of nothing"

start_internet
start_server
start_client --full-tunnel --strategy bandwidth_proportional
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
expect 2 "only clients have a flight recorder" \
	in_server "$CTL" record "$LAB/none.svg" --runtime-dir "$LAB/run" --name "$LAB_ID-s"

transfer_begin $INTERNET4 --up 45 --down 10
link_carries 1 10 8000000 a
link_carries 2 10 2000000 a
kept_files 0 || fail "a record was written, and there was no outage"
link_cut 1
transfer_goes_on "the silence of link 1" 10 1000000
wait_for 10 kept_files 1 || fail "no record of the outage was left: $(find "$LAB/client-state")"
file=$(find "$KEPT" -name 'record-*.json')
note "link 1 fell silent: $(stat -c '%n, %s bytes' "$file" | sed 's/.*\///')"
assert_equal "mode of the record" "$(stat -c %a "$file")" 600
grep -q "the minute around it is in $file" "$LAB/client.log" || fail "the log does not say where the record is"

record_holds "$file" "it says what happened" '"up1: suspect" in d["why"] and -6e6 < d["outage_us"] < -3e6'
record_holds "$file" "times grow by about 10 ms" 'all(a < b for a, b in zip(t, t[1:])) and 9000 < (t[-1] - t[0]) / len(t) < 20000'
record_holds "$file" "the seconds before are in it" 't[0] < d["outage_us"] - 1e6 and state_at(path("up1"), d["outage_us"] - 500e3) == "up"'
record_holds "$file" "the seconds after are in it" 't[-1] > d["outage_us"] + 3e6 and state_at(path("up1"), t[-1]) == "suspect"'
record_holds "$file" "link 2 stayed" 'state_at(path("up2"), t[-1]) == "up"'
record_holds "$file" "link 1 carried before" 'total(path("up1"), "acked_bytes", t[0], d["outage_us"]) > 2e6'
record_holds "$file" "link 1 answers nothing afterwards" 'total(path("up1"), "acked_bytes", d["outage_us"], 0) == 0'
record_holds "$file" "link 2 carried afterwards" 'total(path("up2"), "acked_bytes", d["outage_us"], 0) > 1e6'
record_holds "$file" "what was lost is counted" 'total(path("up1"), "lost_packets", d["outage_us"] - 1e6, 0) > 3'
# One way on link 2 and back on link 1, by which acks come while it is the better one; and what waits on link 2.
record_holds "$file" "round trips are right" '38e3 < sorted(v for v in path("up2")["srtt_us"] if v)[len(t) // 2] < 400e3'

# A second outage within the minute leaves no second file; on request it is in the picture.
link_restore 1
wait_for 15 client_paths_up 2 || fail "link 1 does not come back"
link_cut 2
wait_for 10 client_paths_up 1 || fail "link 2 is cut, and is called up"
link_restore 2
wait_for 15 client_paths_up 2 || fail "link 2 does not come back"
# On a busy machine a path may be held silent for some milliseconds just when the record is taken. The TCP connection that
# stood in for link 1 is in it as well, and gone.
both_are_back() {
	record "$LAB/now.json" && $PYTHON -I -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(any(p["states"][-1]["state"] != "up" for p in d["paths"] if p["uplink"] in ("up1", "up2")))' "$LAB/now.json"
}
wait_for 10 both_are_back || fail "record FILE.json does not show both returns"
record "$LAB/now.svg" || fail "record FILE.svg"
record > "$LAB/out.svg" || fail "record > FILE"
record --json > "$LAB/out.json" || fail "record --json"
kept_files 1 || fail "two records within a minute"
svg_holds "$LAB/now.svg" "a panel for each path and one for the session" '{"path-0", "path-1", "session"} <= set(groups)'
svg_holds "$LAB/now.svg" "names, units and states are there" '{"up1", "up2", "session", "Mbit/s", "ms", "packets", "suspect"} <= set(texts)'
svg_holds "$LAB/out.svg" "the same on standard output" '{"up1", "up2", "session"} <= set(texts)'
for file in "$LAB/now.json" "$LAB/out.json"; do
	record_holds "$file" "both outages" '"suspect" in states(path("up1")) and "suspect" in states(path("up2"))'
	record_holds "$file" "nothing was the reason but the question" 'd["why"] == "asked" and d["outage_us"] is None'
done
transfer_end

# A file is drawn without a daemon; what is none is named.
lab_stop client || fail "the client did not end well"
expect 0 "" "$CTL" record "$LAB/again.svg" --input "$LAB/now.json"
svg_holds "$LAB/again.svg" "a file gives the same panels" '{"path-0", "path-1", "session"} <= set(groups)'
echo '{"a": 1}' > "$LAB/other.json"
expect 1 "other.json is no flight record" "$CTL" record "$LAB/none.svg" --input "$LAB/other.json"
expect 1 "client.log is no flight record: line 1: " "$CTL" record "$LAB/none.svg" --input "$LAB/client.log"
expect 3 "no triglav named \"$LAB_ID-c\" runs" record "$LAB/none.svg"
[ ! -e "$LAB/none.svg" ] || fail "a file was made of nothing"
[ -z "${KEEP_RECORD:-}" ] || cp "$LAB/now.json" "$LAB/now.svg" "$KEPT"/record-*.json "$KEEP_RECORD"
