// SPDX-License-Identifier: MIT
/* scenarios.c - networks and what a tunnel over them must achieve, as data
 *
 * Limits follow from what is possible, not from what is measured: shares and ratios against the links alone with the same
 * senders (slow start apart), 2 round trips + 20 ms for a link that goes silent, the outage plus a second when all are
 * gone. spec.h explains the words of links and flows, run.h the figures.
 */
#include "sim/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UP .up = true
#define QUICK .quick = true

const struct scenario scenarios[] = {
	/* ---- stationary: home office, cafe, data centre; nothing happens, or little ---- */
	{ "stationary", "one-link", 20, 5, QUICK,
	  .links = { "rate=100mbit delay=10ms" },
	  .flows = { "cubic" }, .expect = "goodput>=88 timeouts<=0 extra<=2" },
	{ "stationary", "unlike-pair-down", 60, 10,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "cubic" }, .expect = "share>=0.90 best>=0.97 extra<=2" },
	{ "stationary", "unlike-pair-up", 60, 10, UP,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "cubic" }, .expect = "share>=0.90 best>=0.97 extra<=2" },
	{ "stationary", "equal-pair", 40, 10,
	  .links = { "rate=100mbit delay=25ms", "rate=100mbit delay=25ms" },
	  .flows = { "cubic" }, .expect = "share>=0.93 extra<=2" },
	{ "stationary", "equal-pair-up", 40, 10, UP,
	  .links = { "rate=100mbit delay=25ms", "rate=100mbit delay=25ms" },
	  .flows = { "cubic" }, .expect = "share>=0.93 extra<=2" },
	{ "stationary", "three-links", 40, 10,
	  .links = { "rate=100mbit delay=20ms", "rate=50mbit delay=60ms", "rate=100mbit delay=10ms" },
	  .flows = { "cubic" }, .expect = "share>=0.88 best>=0.97 extra<=2" },
	{ "stationary", "lossy-pair", 40, 10,
	  .links = { "rate=50mbit delay=30ms loss=1%", "rate=20mbit delay=80ms" },
	  .flows = { "cubic" }, .expect = "share>=0.85 best>=0.97" },
	{ "stationary", "lossy-pair-up", 40, 10, UP,
	  .links = { "rate=50mbit delay=30ms loss=1%", "rate=20mbit delay=80ms" },
	  .flows = { "cubic" }, .expect = "share>=0.85 best>=0.97" },
	{ "stationary", "many-flows", 20, 8,
	  .links = { "rate=300mbit delay=10ms", "rate=80mbit delay=30ms" },
	  .flows = { "cubic,n=16" }, .expect = "share>=0.93 best>=0.97" },
	{ "stationary", "quic-pair", 40, 10,
	  .links = { "rate=50mbit delay=20ms", "rate=50mbit delay=40ms" },
	  .flows = { "quic" }, .expect = "share>=0.85 best>=0.97" },
	/* BBR keeps two round trips of the near link in flight: less than what the far one is behind and needs, until the near one holds back. */
	{ "stationary", "bbr-pair", 40, 10,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "bbr" }, .expect = "share>=0.9 best>=0.97" },
	{ "stationary", "bbr-thin-and-near", 60, 30,
	  .links = { "rate=7mbit delay=7ms queue=200ms", "rate=40mbit delay=55ms queue=400ms" },
	  .flows = { "bbr" }, .expect = "share>=0.9 best>=0.97" },
	/* What is held for the near path must not be held for the other once that is alone. */
	{ "stationary", "bbr-near-one-dies", 70, 55,
	  .links = { "rate=7mbit delay=7ms queue=200ms @50s cut", "rate=40mbit delay=55ms queue=400ms" },
	  .flows = { "bbr" }, .expect = "best>=0.97" },
	{ "stationary", "bbr-thin-and-near-up", 60, 30, UP,
	  .links = { "rate=7mbit delay=7ms queue=200ms", "rate=40mbit delay=55ms queue=400ms" },
	  .flows = { "bbr", "ping" }, .expect = "share>=0.9 best>=0.97 ping.lost<=0.1" },
	{ "stationary", "reno-pair", 40, 10,
	  .links = { "rate=50mbit delay=20ms", "rate=30mbit delay=40ms" },
	  .flows = { "reno" }, .expect = "share>=0.85 best>=0.97" },
	/* 1400 bytes need 1460 on the link: 144 of 150 Mbit/s fit, this is 90 % of them */
	{ "stationary", "udp-near-the-sum", 30, 5,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "udp,rate=129mbit,size=1400" }, .expect = "udp.lost<=0.1 udp.late<=0.1" },
	{ "stationary", "udp-near-the-sum-up", 30, 5, UP,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "udp,rate=129mbit,size=1400" }, .expect = "udp.lost<=0.1 udp.late<=0.1" },
	{ "stationary", "idle-ping", 20, 3, QUICK,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "ping" }, .expect = "ping.added<=1 ping.lost<=0" },
	{ "stationary", "ping-beside-bulk", 30, 8,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "cubic,n=4", "ping" }, .expect = "ping.added<=10 ping.lost<=0" },
	{ "stationary", "ping-beside-bulk-up", 30, 8, UP,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "cubic,n=4", "ping" }, .expect = "ping.added<=10 ping.lost<=0" },
	{ "stationary", "call-beside-bulk", 30, 8,
	  .links = { "rate=100mbit delay=10ms", "rate=50mbit delay=40ms" },
	  .flows = { "cubic", "udp,rate=64kbit,size=200" }, .expect = "udp.p99<=15 udp.lost<=0 udp.late<=0" },
	{ "stationary", "home-office", 30, 8,
	  .links = { "down.rate=100mbit up.rate=40mbit delay=8ms", "down.rate=60mbit up.rate=20mbit delay=25ms jitter=10ms" },
	  .flows = { "cubic", "cubic,up", "udp,rate=2mbit,size=1100" }, .expect = "best>=0.97 udp.lost<=0.1 udp.late<=0.1 udp.p99<=30" },
	{ "stationary", "cafe-and-phone", 30, 8,
	  .links = { "rate=20mbit delay=15ms jitter=20ms loss=1%", "rate=40mbit delay=35ms jitter=10ms" },
	  .flows = { "cubic,n=2", "ping" }, .expect = "best>=0.97 ping.lost<=0.1" },
	{ "stationary", "data-centre", 8, 3, QUICK,
	  .links = { "rate=200mbit delay=200us queue=20ms", "rate=200mbit delay=300us queue=20ms" },
	  .flows = { "cubic,n=4" }, .expect = "share>=0.93" },
	{ "stationary", "dsl-and-lte", 40, 15,
	  .links = { "down.rate=16mbit up.rate=1mbit delay=12ms queue=250ms", "rate=30mbit fade=50% delay=30ms jitter=8ms" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 ping.added<=20" },
	{ "stationary", "satellite-and-dsl", 40, 15,
	  .links = { "rate=80mbit delay=300ms", "rate=10mbit delay=15ms" },
	  .flows = { "cubic,n=2", "ping" }, .expect = "best>=0.97 ping.added<=10" },
	{ "stationary", "thin-beside-fast", 30, 8,
	  .links = { "rate=100mbit delay=10ms", "rate=2mbit delay=60ms" },
	  .flows = { "cubic" }, .expect = "best>=0.97" },
	{ "stationary", "small-buffers", 30, 8,
	  .links = { "rate=100mbit delay=10ms queue=5ms", "rate=50mbit delay=20ms queue=5ms" },
	  .flows = { "cubic,n=2" }, .expect = "share>=0.85 best>=0.97" },
	{ "stationary", "bloated-buffers", 60, 20,
	  .links = { "rate=30mbit delay=10ms queue=1s", "rate=20mbit delay=20ms queue=1s" },
	  .flows = { "cubic", "ping" }, .expect = "share>=0.9 ping.added<=10" },
	{ "stationary", "web-pages", 30, 5,
	  .links = { "rate=50mbit delay=15ms", "rate=50mbit delay=25ms" },
	  .flows = { "cubic,chunk=500kb,every=500ms", "cubic,chunk=100kb,every=300ms" }, .expect = "done.p99<=350" },
	{ "stationary", "pair-on-redundant", 20, 5, QUICK,
	  .links = { "rate=20mbit delay=10ms loss=2%", "rate=20mbit delay=15ms loss=2%" },
	  .flows = { "udp,rate=2mbit", "ping" }, .strategy = "redundant", .expect = "udp.lost<=0.2 ping.lost<=0.3 udp.p99<=17" },

	/* ---- failures: fibre cuts, power, routing ---- */
	{ "failure", "silent-cut-under-load", 30, 8,
	  .links = { "rate=50mbit delay=20ms @15s cut", "rate=50mbit delay=40ms" },
	  .flows = { "cubic", "ping" }, .expect = "gap<=180 timeouts<=0 ping.lost<=0" },
	{ "failure", "silent-cut-under-load-up", 30, 8, UP,
	  .links = { "rate=50mbit delay=20ms @15s cut", "rate=50mbit delay=40ms" },
	  .flows = { "cubic", "ping" }, .expect = "gap<=180 timeouts<=0 ping.lost<=0" },
	{ "failure", "slow-link-cut", 30, 8,
	  .links = { "rate=50mbit delay=10ms", "rate=50mbit delay=40ms @15s cut" },
	  .flows = { "cubic" }, .expect = "gap<=180 timeouts<=0 best>=0.97" },
	/* Two round trips and 20 ms, also for the application, which waits for what is sent again (that may be some ms more); and the link carries
	 * within a second. */
	{ "failure", "cut-of-one-of-two-alike", 24, 6,
	  .links = { "rate=40mbit delay=25ms @12s cut @16.5s uncut", "rate=40mbit delay=25ms" },
	  .flows = { "cubic" }, .expect = "gap<=120 stall<=125 back<=1000 timeouts<=0" },
	{ "failure", "cut-of-one-of-two-alike-up", 24, 6, UP,
	  .links = { "rate=40mbit delay=25ms @12s cut @16.5s uncut", "rate=40mbit delay=25ms" },
	  .flows = { "cubic" }, .expect = "gap<=120 stall<=125 back<=1000 timeouts<=0" },
	{ "failure", "cut-with-call", 20, 4, QUICK,
	  .links = { "rate=50mbit delay=20ms @8s cut @14s uncut", "rate=50mbit delay=40ms" },
	  .flows = { "udp,rate=64kbit,size=200" }, .expect = "udp.gap<=200 udp.late<=1" },
	{ "failure", "cut-loses-no-call-packet", 20, 4,
	  .links = { "rate=50mbit delay=20ms @8s cut @14s uncut", "rate=50mbit delay=40ms" },
	  .flows = { "udp,rate=64kbit,size=200" }, .expect = "udp.lost<=0" },
	{ "failure", "carries-again-after-cut", 40, 21,
	  .links = { "rate=50mbit delay=20ms @10s cut @20s uncut", "rate=50mbit delay=40ms" },
	  .flows = { "cubic,n=2" }, .expect = "share>=0.9" },
	{ "failure", "cable-pulled", 30, 8,
	  .links = { "rate=100mbit delay=5ms @15s off @25s on", "rate=40mbit delay=30ms" },
	  .flows = { "cubic", "ping" }, .expect = "gap<=140 back<=1000 timeouts<=0 ping.lost<=0.1" },
	{ "failure", "power-out-all", 30, 8,
	  .links = { "rate=50mbit delay=10ms @14s cut @18s uncut", "rate=50mbit delay=30ms @14s cut @18s uncut" },
	  .flows = { "cubic" }, .expect = "gap<=5000" },
	{ "failure", "power-out-one-returns", 30, 8,
	  .links = { "rate=50mbit delay=10ms @14s cut", "rate=50mbit delay=30ms @14s cut @17s uncut" },
	  .flows = { "cubic" }, .expect = "gap<=4000" },
	{ "failure", "route-flaps", 40, 8,
	  .links = { "rate=50mbit delay=10ms @2s delay=60ms @4s delay=10ms every=4s", "rate=50mbit delay=30ms" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=250 ping.lost<=0" },
	{ "failure", "flapping-link", 40, 8,
	  .links = { "rate=100mbit delay=10ms @1s cut @2s uncut every=2s", "rate=50mbit delay=30ms" },
	  .flows = { "cubic" }, .expect = "best>=0.97 gap<=300" },
	{ "failure", "one-way-cut-up", 30, 8,
	  .links = { "rate=50mbit delay=20ms @15s up.cut", "rate=50mbit delay=40ms" },
	  .flows = { "cubic" }, .expect = "gap<=180 timeouts<=0" },
	{ "failure", "one-way-cut-down", 30, 8,
	  .links = { "rate=50mbit delay=20ms @15s down.cut", "rate=50mbit delay=40ms" },
	  .flows = { "cubic" }, .expect = "gap<=180 timeouts<=0" },
	{ "failure", "mtu-hole", 30, 8,
	  .links = { "rate=50mbit delay=20ms @12s mtu=1300", "rate=30mbit delay=30ms" },
	  .flows = { "cubic" }, .expect = "gap<=3000 goodput>=20" },
	{ "failure", "nat-forgets", 30, 8, QUICK, UP,
	  .links = { "rate=50mbit delay=20ms @15s nat", "rate=50mbit delay=25ms" },
	  .flows = { "udp,rate=5mbit" }, .expect = "udp.lost<=0.5 udp.gap<=250" },
	{ "failure", "nat-forgets-under-load", 30, 8,
	  .links = { "rate=50mbit delay=20ms @15s nat", "rate=50mbit delay=25ms" },
	  .flows = { "cubic" }, .expect = "best>=0.97 gap<=300" },
	{ "failure", "brown-out", 30, 8,
	  .links = { "rate=100mbit delay=10ms @12s rate=3mbit @22s rate=100mbit", "rate=30mbit delay=20ms" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=250 ping.lost<=0 ping.added<=60" },
	{ "failure", "loss-storm", 30, 8,
	  .links = { "rate=50mbit delay=20ms @12s loss=30% @20s loss=0%", "rate=30mbit delay=30ms" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=150 ping.lost<=1" },
	{ "failure", "last-link-of-three", 30, 6,
	  .links = { "rate=40mbit delay=10ms @10s cut", "rate=40mbit delay=20ms @15s cut", "rate=40mbit delay=30ms" },
	  .flows = { "cubic" }, .expect = "gap<=140 timeouts<=0" },

	/* ---- rail: handovers every few seconds, tunnels, cells of all sizes (ICE, TGV, Shinkansen) ---- */
	{ "rail", "two-operators", 60, 10,
	  .links = { "rate=40mbit delay=25ms @5s rate=8mbit delay=45ms @9s stall @9.2s go rate=60mbit delay=25ms @15s rate=15mbit every=15s",
		     "rate=20mbit delay=30ms @4s rate=50mbit @8s rate=10mbit delay=50ms @12s stall @12.3s go delay=30ms every=13s" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=400 ping.lost<=0.1" },
	{ "rail", "short-tunnels", 60, 10,
	  .links = { "rate=50mbit delay=25ms @8s cut @9.5s uncut every=13s", "rate=30mbit delay=35ms @9s cut @10s uncut every=17s" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=2500 ping.gap<=2000" },
	{ "rail", "long-tunnel", 50, 6,
	  .links = { "rate=50mbit delay=25ms @15s cut @30s uncut", "rate=30mbit delay=35ms @16s cut @28s uncut" },
	  .flows = { "cubic" }, .expect = "gap<=14000" },
	{ "rail", "train-wifi-and-phone", 60, 10,
	  .links = { "rate=10mbit fade=80% delay=60ms jitter=60ms loss=2%", "rate=40mbit delay=30ms @10s cut @11s uncut every=20s" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=500 ping.lost<=1" },
	{ "rail", "shinkansen-handovers", 60, 10,
	  .links = { "rate=60mbit fade=40% delay=20ms @3s stall @3.08s go every=4s", "rate=40mbit fade=40% delay=25ms @4s stall @4.1s go every=5s" },
	  .flows = { "cubic", "udp,rate=1mbit" }, .expect = "best>=0.97 udp.lost<=0.1 udp.p99<=120" },
	{ "rail", "tgv-leaves-the-city", 60, 10,
	  .links = { "rate=150mbit delay=15ms @10s rate=60mbit @20s rate=20mbit delay=30ms @30s rate=4mbit delay=60ms @45s rate=30mbit",
		     "rate=80mbit delay=25ms @15s rate=40mbit @25s rate=15mbit @35s rate=8mbit delay=50ms" },
	  .flows = { "cubic", "ping" }, .expect = "share>=0.8 best>=0.97 ping.lost<=0" },
	{ "rail", "address-moves", 40, 8,
	  .links = { "rate=40mbit delay=25ms @12s move @24s move", "rate=30mbit delay=35ms @18s move" },
	  .flows = { "cubic" }, .expect = "best>=0.97 gap<=400" },
	{ "rail", "long-fade", 50, 10,
	  .links = { "rate=60mbit fade=90% delay=20ms jitter=5ms", "rate=60mbit fade=90% delay=30ms jitter=5ms" },
	  .flows = { "cubic" }, .expect = "share>=0.75 best>=0.97 gap<=500" },

	/* ---- mobile: cars, borders, hotspots ---- */
	{ "mobile", "highway", 60, 10,
	  .links = { "rate=60mbit fade=60% delay=25ms jitter=10ms @15s rate=20mbit @30s rate=80mbit every=45s",
		     "rate=30mbit fade=60% delay=35ms jitter=10ms @20s cut @21s uncut every=25s" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=400 ping.lost<=0.1" },
	{ "mobile", "border-crossing", 50, 10,
	  .links = { "rate=40mbit delay=25ms @15s cut @20s uncut move delay=70ms rate=20mbit", "rate=30mbit delay=30ms @22s cut @26s uncut nat delay=80ms" },
	  .flows = { "cubic" }, .expect = "gap<=2000" },
	{ "mobile", "border-crossing-call", 50, 10,
	  .links = { "rate=40mbit delay=25ms @15s cut @20s uncut move delay=70ms rate=20mbit", "rate=30mbit delay=30ms @22s cut @26s uncut nat delay=80ms" },
	  .flows = { "udp,rate=100kbit,size=200" }, .expect = "udp.lost<=1 udp.gap<=500" },
	{ "mobile", "hotspot-comes-and-goes", 50, 10,
	  .links = { "rate=20mbit delay=40ms jitter=10ms", "rate=80mbit delay=8ms remove @12s add @25s off @32s on" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=250 ping.lost<=0.1" },
	{ "mobile", "metered-phone-stays-idle", 30, 8, QUICK,
	  .links = { "rate=30mbit delay=15ms", "rate=80mbit delay=10ms metered" },
	  .flows = { "udp,rate=10mbit" }, .expect = "udp.lost<=0 udp.late<=0 udp.p99<=18" },
	{ "mobile", "metered-phone-takes-over", 30, 8,
	  .links = { "rate=30mbit delay=15ms @15s cut", "rate=80mbit delay=25ms metered" },
	  .flows = { "cubic" }, .expect = "gap<=170 timeouts<=0" },
	{ "mobile", "lte-and-5g", 40, 10,
	  .links = { "rate=150mbit fade=70% delay=15ms jitter=8ms", "rate=40mbit fade=50% delay=30ms jitter=15ms" },
	  .flows = { "cubic,n=2", "ping" }, .expect = "best>=0.97 ping.added<=40" },
	{ "mobile", "bad-cell-bursts", 40, 10,
	  .links = { "rate=40mbit delay=25ms burst=0.1%/10%", "rate=30mbit delay=35ms burst=0.05%/10%" },
	  .flows = { "cubic" }, .expect = "share>=0.85 best>=0.97" },
	{ "mobile", "quic-on-the-road", 40, 10,
	  .links = { "rate=40mbit fade=50% delay=25ms jitter=10ms loss=0.2%", "rate=30mbit fade=50% delay=40ms jitter=10ms loss=0.2%" },
	  .flows = { "quic,n=2" }, .expect = "best>=0.97" },

	/* ---- urban: walking, cycling, buses ---- */
	{ "urban", "leaving-home-wifi", 40, 8,
	  .links = { "rate=80mbit delay=5ms @10s rate=30mbit loss=2% jitter=20ms @14s rate=5mbit loss=15% jitter=60ms @18s cut",
		     "rate=40mbit delay=30ms" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=250 ping.lost<=1" },
	{ "urban", "walking-past-hotspots", 60, 10,
	  .links = { "rate=25mbit delay=10ms loss=1% @6s cut @12s uncut every=12s", "rate=30mbit fade=30% delay=30ms" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=250 ping.lost<=0.3" },
	{ "urban", "bus-with-call", 40, 8,
	  .links = { "rate=15mbit fade=70% delay=25ms jitter=15ms loss=0.5%", "rate=20mbit fade=70% delay=35ms jitter=15ms loss=0.5%" },
	  .flows = { "udp,rate=100kbit,size=200", "cubic,chunk=300kb,every=2s" }, .expect = "udp.lost<=0.1 udp.p99<=80" },
	{ "urban", "cycling", 50, 10,
	  .links = { "rate=30mbit fade=60% delay=30ms jitter=10ms @10s stall @10.5s go every=11s", "rate=20mbit fade=60% delay=40ms jitter=10ms @17s cut @18s uncut every=19s" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=700 ping.lost<=0.5" },
	{ "urban", "metro-stations", 60, 6,
	  .links = { "rate=50mbit delay=20ms cut @5s uncut @15s cut every=20s", "rate=5mbit fade=50% delay=60ms loss=1%" },
	  .flows = { "cubic" }, .expect = "best>=0.97 gap<=400" },
	{ "urban", "stadium", 40, 10,
	  .links = { "rate=8mbit fade=80% delay=60ms jitter=80ms loss=3%", "rate=6mbit fade=80% delay=80ms jitter=80ms loss=3%" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 ping.lost<=1" },

	/* ---- links that cost the others more than they bring: one CUBIC, as it is held down by what comes late ---- */
	{ "harm", "a-fifth-lost-on-the-thin-link", 60, 15,
	  .links = { "rate=50mbit delay=20ms", "rate=12mbit delay=20ms loss=20%" },
	  .flows = { "cubic" }, .expect = "best>=0.97" },
	{ "harm", "two-fifths-lost", 60, 15,		/* 0.97 of what the first carries; the other alone carries nothing for seconds */
	  .links = { "rate=50mbit delay=20ms", "rate=20mbit delay=30ms loss=40%" },
	  .flows = { "cubic" }, .expect = "goodput>=43.7" },
	{ "harm", "wild-jitter-is-no-harm", 60, 15,
	  .links = { "rate=50mbit delay=20ms", "rate=12mbit delay=30ms jitter=160ms" },
	  .flows = { "cubic" }, .expect = "best>=0.97 shrunk<=0" },

	/* ---- links that turn out to be one: what they carry together goes through one queue ---- */
	{ "shared", "one-bottleneck-alone", 40, 8,
	  .links = { "rate=50mbit delay=20ms", "behind=1 delay=25ms" },
	  .flows = { "cubic" }, .expect = "best>=0.93 timeouts<=0" },
	/* One more flow beside them: half would be fair, two thirds is what two flows take. */
	{ "shared", "one-bottleneck-beside-cubic", 100, 15,
	  .links = { "rate=50mbit delay=20ms", "behind=1 delay=25ms" },
	  .flows = { "cubic", "cubic,outside=1" }, .expect = "taken>=0.3 taken<=0.583" },
	{ "shared", "one-bottleneck-far-apart", 100, 15,
	  .links = { "rate=50mbit delay=20ms jitter=1ms", "behind=1 delay=60ms jitter=1ms" },
	  .flows = { "cubic,n=2", "cubic,outside=1,start=2s" }, .expect = "taken>=0.3 taken<=0.583" },
	{ "shared", "one-bottleneck-cubic-control", 100, 15,
	  .links = { "rate=50mbit delay=20ms", "behind=1 delay=25ms" },
	  .flows = { "cubic", "cubic,outside=1,start=3s" }, .congestion = "cubic", .expect = "taken>=0.3 taken<=0.583" },
	{ "shared", "each-its-own-neighbour", 60, 15,
	  .links = { "rate=50mbit delay=20ms", "rate=50mbit delay=25ms" },
	  .flows = { "cubic,n=4", "cubic,outside=1", "cubic,outside=2,start=3s" }, .expect = "taken>=0.4 taken<=0.7" },

	/* ---- stress ---- */
	{ "stress", "flash-crowd", 25, 10,
	  .links = { "rate=100mbit delay=10ms", "rate=60mbit delay=30ms" },
	  .flows = { "cubic,n=20", "cubic,n=10,start=6s", "ping" }, .expect = "share>=0.9 ping.added<=15 ping.lost<=0" },
	{ "stress", "udp-flood", 20, 5, UP,
	  .links = { "rate=50mbit delay=10ms", "rate=30mbit delay=20ms" },
	  .flows = { "udp,rate=160mbit,size=1200", "ping" }, .expect = "ping.lost<=0 ping.added<=20" },
	{ "stress", "flood-beside-bulk", 30, 8,
	  .links = { "rate=50mbit delay=10ms", "rate=50mbit delay=20ms" },
	  .flows = { "udp,rate=150mbit,size=1200", "cubic" }, .expect = "goodput>=20" },
	{ "stress", "all-links-flap", 40, 8,
	  .links = { "rate=50mbit delay=10ms @3s cut @4s uncut every=7s", "rate=40mbit delay=20ms @5s cut @6s uncut every=9s",
		     "rate=30mbit delay=30ms @4s cut @5s uncut every=11s" },
	  .flows = { "cubic", "ping" }, .expect = "best>=0.97 gap<=500" },
	{ "stress", "reorder-and-copies", 30, 8,
	  .links = { "rate=50mbit delay=20ms reorder=1%/10ms copy=1%", "rate=50mbit delay=30ms reorder=1%/10ms copy=1%" },
	  .flows = { "cubic" }, .expect = "share>=0.8 best>=0.97" },
	{ "stress", "reorder-and-copies-one-link", 15, 5, QUICK,
	  .links = { "rate=50mbit delay=20ms reorder=0.5%/3ms copy=1%" },
	  .flows = { "udp,rate=10mbit", "ping" }, .expect = "udp.lost<=0 udp.late<=2 ping.lost<=0" },
	{ "stress", "four-unlike-links", 40, 10,
	  .links = { "rate=60mbit delay=10ms", "rate=30mbit delay=25ms loss=0.3%", "rate=20mbit fade=50% delay=40ms", "rate=10mbit delay=60ms jitter=20ms" },
	  .flows = { "cubic,n=2", "ping" }, .expect = "share>=0.8 best>=0.97" },
	{ "stress", "on-off-cross", 30, 5,
	  .links = { "rate=50mbit delay=15ms", "rate=50mbit delay=35ms" },
	  .flows = { "udp,rate=80mbit,on=500ms,off=500ms", "ping" }, .expect = "udp.lost<=0.2 udp.late<=0.2 ping.lost<=0" },
	{ "stress", "everything-at-once", 50, 10,
	  .links = { "rate=80mbit fade=50% delay=15ms jitter=10ms loss=0.5% copy=0.1% @12s cut @14s uncut nat every=16s",
		     "rate=40mbit fade=50% delay=35ms jitter=10ms burst=0.1%/20% reorder=0.1%/5ms @20s off @22s on @30s rate=10mbit every=33s",
		     "rate=20mbit delay=60ms metered" },
	  .flows = { "cubic,n=2", "quic", "udp,rate=200kbit,size=200", "ping" }, .expect = "udp.lost<=1 ping.lost<=1" },
	{ "stress", "sixty-flows", 20, 8, QUICK,
	  .links = { "rate=30mbit delay=20ms", "rate=20mbit delay=30ms" },
	  .flows = { "cubic,n=50", "quic,n=10" }, .expect = "goodput>=38" },
};

const u32 scenario_count = ARRAY_SIZE(scenarios);

const struct scenario *scenario_find(const char *name)
{
	for (u32 i = 0; i < scenario_count; i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	return NULL;
}

static void __attribute__((noreturn)) broken(const struct scenario *sc, const char *what)
{
	fprintf(stderr, "scenarios.c: %s: %s\n", sc->name, what);
	exit(2);
}

/* Of "best>=0.97 gap<=200" what holds whatever the links are: the first part. */
static const char *relative_part(const char *expect)
{
	static char kept[32];
	const char *best = strstr(expect, "best>=");

	kept[0] = 0;
	if (best)
		sscanf(best, "%31s", kept);
	return kept;
}

void scenario_setup(const struct scenario *sc, u64 seed, bool vary, struct run_setup *setup)
{
	struct rand_source random;
	char word[64];

	*setup = (struct run_setup){
		.name = sc->name, .seconds = sc->seconds, .skip = sc->skip, .seed = seed, .aggregation = SCHED_FULL, .slack_us = 50,
		.expect = vary ? relative_part(sc->expect) : sc->expect,
	};
	rand_seeded(&random, seed * 7919 + 1);
	for (; setup->link_count < SCENARIO_LINKS && sc->links[setup->link_count]; setup->link_count++) {
		struct link_spec *l = &setup->links[setup->link_count];

		if (spec_link(l, sc->links[setup->link_count], word))
			broken(sc, word);
		if (vary)
			spec_vary(l, &random);
	}
	for (; setup->flow_count < SCENARIO_FLOWS && sc->flows[setup->flow_count]; setup->flow_count++)
		if (spec_flow(&setup->flows[setup->flow_count], sc->flows[setup->flow_count], sc->up, word))
			broken(sc, word);
	if (sc->strategy)
		setup->strategy = sched_parse_strategy(sc->strategy);
	if (sc->congestion)
		setup->congestion = rate_parse_control(sc->congestion);
	if (setup->strategy < 0 || setup->congestion < 0 || run_expect_valid(sc->expect))
		broken(sc, "strategy or expectation");
}
