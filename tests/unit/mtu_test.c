// SPDX-License-Identifier: MIT
/* mtu_test.c - two engines find out how large the datagrams of each path may be */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/world.h"

static struct world w;

static struct path *client_path(u32 id)
{
	return w.client.tunnel->session->paths[id];
}

static struct session *server_session(void)
{
	return map_get(&w.server.tunnel->by_handle, w.client.tunnel->session->handle);
}

static struct path *server_path(u32 id)
{
	return server_session()->paths[id];
}

static u32 mtu_of(const struct path *p)
{
	struct tunnel_path_info info;

	path_info(p, &info);
	return info.mtu;
}

static void begin(u32 links)
{
	world_init(&w, 3);
	for (u32 i = 1; i <= links; i++)
		w.links[i].delay_us = 10 * MSEC;
}

static void a_wide_path_is_found_wide_within_a_few_round_trips(void **state)
{
	(void)state;
	begin(1);
	world_start(&w, 1);
	world_run(&w, 200 * MSEC);
	assert_int_equal(mtu_of(client_path(0)), 1500);
	assert_int_equal(mtu_of(server_path(0)), 1500);
	assert_int_equal(client_path(0)->pmtu.probes, 1);
	world_end(&w);
}

static void each_path_has_its_own(void **state)
{
	(void)state;
	begin(3);
	w.links[2].mtu = 1400;
	w.links[3].mtu = 1333;
	world_start(&w, 3);
	world_run(&w, 20 * SEC);
	for (u32 i = 0; i < 2; i++) {
		struct path *(*of)(u32) = i ? server_path : client_path;

		assert_int_equal(mtu_of(of(0)), 1500);
		assert_int_equal(mtu_of(of(1)), 1400);
		assert_in_range(mtu_of(of(2)), 1325, 1333);	/* no usual size: within 8 */
	}
	world_end(&w);
}

static void lost_probes_are_no_loss_and_no_silence(void **state)
{
	(void)state;
	begin(2);
	w.links[2].mtu = 1300;
	world_start(&w, 2);
	world_run(&w, 10 * SEC);
	assert_true(client_path(1)->pmtu.probes >= 9);	/* six of them too large at least */
	assert_int_equal(client_path(1)->sent.lost_packets, 0);
	assert_int_equal(client_path(1)->sent.loss_ppm, 0);
	assert_int_equal(client_path(1)->sent.in_flight_bytes, 0);
	assert_int_equal(client_path(1)->suspect_since_us, 0);
	world_end(&w);
}

static void the_interface_bounds_what_is_tried(void **state)
{
	(void)state;
	begin(1);
	world_start_server(&w);
	world_start_end(&w, &w.client, &w.client_settings);
	tunnel_path_add(w.client.tunnel, &(struct tunnel_uplink){ .link = 1, .remote = w.server_address, .mtu = 1380 }, w.now_us);
	world_run(&w, SEC);
	assert_int_equal(mtu_of(client_path(0)), 1380);
	tunnel_path_mtu(w.client.tunnel, 1, 1500, w.now_us);
	world_run(&w, SEC);
	assert_int_equal(mtu_of(client_path(0)), 1500);
	tunnel_path_mtu(w.client.tunnel, 1, 1300, w.now_us);
	assert_int_equal(mtu_of(client_path(0)), 1300);
	world_end(&w);
}

/* Large and small packets in turn; then the way becomes narrow and tells nobody. */
static void a_hole_among_mixed_packets_is_found_within_3_s(void **state)
{
	(void)state;
	begin(1);
	world_start(&w, 1);
	world_run(&w, SEC);
	w.links[1].mtu = 1400;
	for (u32 i = 0; i < 300; i++) {
		world_send(&w, &w.client, 2 * i, 1420);
		world_send(&w, &w.client, 2 * i + 1, 100);
		world_run(&w, 10 * MSEC);
	}
	assert_true(mtu_of(client_path(0)) <= 1400);
	assert_int_equal(client_path(0)->pmtu.holes, 1);
	world_run(&w, 10 * SEC);
	assert_int_equal(mtu_of(client_path(0)), 1400);
	world_end(&w);
}

static void a_hole_under_large_packets_alone_is_found_within_3_s(void **state)
{
	(void)state;
	begin(1);
	world_start(&w, 1);
	world_run(&w, SEC);
	w.links[1].mtu = 1400;
	for (u32 i = 0; i < 300; i++) {
		world_send(&w, &w.client, i, 1420);
		world_run(&w, 10 * MSEC);
	}
	assert_true(mtu_of(client_path(0)) <= 1400);
	world_end(&w);
}

static void an_outage_is_no_hole(void **state)
{
	(void)state;
	begin(1);
	world_start(&w, 1);
	world_run(&w, SEC);
	for (u32 i = 0; i < 600; i++) {
		w.links[1].cut = i >= 200 && i < 400;
		world_send(&w, &w.client, i, 1420);
		world_run(&w, 10 * MSEC);
	}
	assert_int_equal(client_path(0)->pmtu.holes, 0);
	assert_int_equal(mtu_of(client_path(0)), 1500);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wide_path_is_found_wide_within_a_few_round_trips),
		cmocka_unit_test(each_path_has_its_own),
		cmocka_unit_test(lost_probes_are_no_loss_and_no_silence),
		cmocka_unit_test(the_interface_bounds_what_is_tried),
		cmocka_unit_test(a_hole_among_mixed_packets_is_found_within_3_s),
		cmocka_unit_test(a_hole_under_large_packets_alone_is_found_within_3_s),
		cmocka_unit_test(an_outage_is_no_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
