#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""multipath_cut.py - what a cut and the return of a link did

  multipath_cut.py gap BULK.json CUT_US [UNTIL_US]
      the longest time in ms without a byte of bulk that has to do with the cut: it ends after the cut
      and begins less than 3 s after it (or before UNTIL_US)
  multipath_cut.py lost UDP.json FROM_US UNTIL_US
      how many datagrams sent in this time never came
  multipath_cut.py share WATCH.json up|down LINK FROM_US UNTIL_US
      this link's share of what all links carried
  multipath_cut.py back WATCH.json up|down LINK SHARE SINCE_US
      ms from SINCE_US until the link carries 80 % of SHARE: the begin of the first 100 ms in which
      it does. 99999: never.

All times are CLOCK_MONOTONIC in us; WATCH.json is that of `flow watch` in the namespace of the wire.
"""
import bisect
import json
import sys

WINDOW_US = 100_000
NEVER = 99999


def load(path):
    with open(path) as f:
        return json.load(f)


def gap(path, cut, until=None):
    cut = int(cut)
    until = int(until) if until else cut + 3_000_000
    return max([ms for start, ms in load(path)["gaps"] if start < until and start + ms * 1000 > cut], default=0)


def lost(path, start, end):
    return sum(int(start) <= t < int(end) for t in load(path)["lost_us"])


def carried(watch, direction):
    """Per link, the bytes that came out of it at each sample."""
    end = "b" if direction == "up" else "a"
    return {name[1:]: watch[name]["sent"] for name in watch if name[0] == end and name[1:].isdigit()}


def share_between(links, link, first, last):
    moved = {k: v[last] - v[first] for k, v in links.items()}
    return moved[link] / sum(moved.values()) if sum(moved.values()) else 0


def share(path, direction, link, start, end):
    watch = load(path)
    times = watch["time_us"]
    first, last = bisect.bisect_left(times, int(start)), bisect.bisect_left(times, int(end))
    return round(share_between(carried(watch, direction), link, first, min(last, len(times) - 1)), 4)


def back(path, direction, link, former, since):
    watch = load(path)
    times, links = watch["time_us"], carried(watch, direction)
    for first in range(bisect.bisect_left(times, int(since)), len(times)):
        last = bisect.bisect_left(times, times[first] + WINDOW_US)
        if last >= len(times):
            break
        if share_between(links, link, first, last) >= 0.8 * float(former):
            return round((times[first] - int(since)) / 1000)
    return NEVER


print({"gap": gap, "lost": lost, "share": share, "back": back}[sys.argv[1]](*sys.argv[2:]))
