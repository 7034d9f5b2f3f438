// SPDX-License-Identifier: MIT
/* host_dns_test.c - resolv.conf replaced and put back, and what resolved is told
 *
 * Everything happens in a temporary folder; resolved is played by a thread at the other end of a socket.
 */
#include "unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/addr.h"
#include "host/dns.h"
#include "host/inside.h"

static char dir[64], conf[128];
static struct host a, b;	/* two instances of one state directory */
static struct addr servers[2];

static int make_folder(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/triglav-dns.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(conf, sizeof(conf), "%s/resolv.conf", dir);
	memset(&a, 0, sizeof(a));
	strcpy(a.name, "a");
	strcpy(a.state_dir, dir);
	b = a;
	strcpy(b.name, "b");
	assert_int_equal(addr_parse(&servers[0], "10.0.85.1", 53), 0);
	assert_int_equal(addr_parse(&servers[1], "fd85::1", 53), 0);
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void put_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *text_of(const char *path)
{
	static char text[4096];

	assert_true(file_read(path, text, sizeof(text)) >= 0);
	return text;
}

static u32 files_in_folder(void)
{
	char command[128];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static int set_dns(struct host *h)
{
	struct host_dns set = { .tun = "tg0", .servers = servers, .server_count = 2, .no_resolved = true, .resolv_conf = conf };

	return host_dns_set(h, &set, NULL);
}

static void is_ours(const char *name)
{
	char first[64];

	snprintf(first, sizeof(first), "# triglav %s ", name);
	assert_memory_equal(text_of(conf), first, strlen(first));
	assert_non_null(strstr(text_of(conf), "\nnameserver 10.0.85.1\nnameserver fd85::1\n"));
}

static void a_file_comes_back(void **state)
{
	struct stat st;

	(void)state;
	put_text(conf, "nameserver 192.0.2.1\n");
	assert_int_equal(chmod(conf, 0640), 0);
	assert_int_equal(set_dns(&a), 0);
	is_ours("a");
	assert_int_equal(set_dns(&a), 0);	/* again: the backup is still the host's file */
	assert_int_equal(host_dns_restore(&a), 0);
	assert_string_equal(text_of(conf), "nameserver 192.0.2.1\n");
	assert_int_equal(stat(conf, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(files_in_folder(), 1);
	assert_int_equal(host_dns_restore(&a), 0);	/* nothing to do */
}

static void a_link_comes_back(void **state)
{
	char target[128] = "";

	(void)state;
	assert_int_equal(symlink("../run/resolve/stub-resolv.conf", conf), 0);
	assert_int_equal(set_dns(&a), 0);
	is_ours("a");
	assert_int_equal(host_dns_restore(&a), 0);
	assert_int_equal(readlink(conf, target, sizeof(target) - 1), strlen("../run/resolve/stub-resolv.conf"));
	assert_string_equal(target, "../run/resolve/stub-resolv.conf");
}

static void nothing_comes_back(void **state)
{
	(void)state;
	assert_int_equal(set_dns(&a), 0);
	is_ours("a");
	assert_int_equal(host_dns_restore(&a), 0);
	assert_int_equal(files_in_folder(), 0);
}

static void somebody_elses_new_file_stays(void **state)
{
	(void)state;
	put_text(conf, "nameserver 192.0.2.1\n");
	assert_int_equal(set_dns(&a), 0);
	put_text(conf, "nameserver 192.0.2.2\n");
	assert_int_equal(host_dns_restore(&a), 0);
	assert_string_equal(text_of(conf), "nameserver 192.0.2.2\n");
	assert_int_equal(files_in_folder(), 1);
}

static void somebody_elses_edit_stays_and_the_old_file_is_kept(void **state)
{
	char kept[128], edited[8192];

	(void)state;
	put_text(conf, "nameserver 192.0.2.1\n");
	assert_int_equal(set_dns(&a), 0);
	snprintf(edited, sizeof(edited), "%ssearch example.org\n", text_of(conf));
	put_text(conf, edited);
	assert_int_equal(host_dns_restore(&a), -ESTALE);
	assert_string_equal(text_of(conf), edited);
	snprintf(kept, sizeof(kept), "%s/a.resolv.old", dir);
	assert_non_null(strstr(text_of(kept), "nameserver 192.0.2.1\n"));
	assert_int_equal(host_dns_restore(&a), 0);
}

/* Killed between keeping the backup and writing the file, as the next start finds it. */
static void a_backup_without_our_file_is_dropped(void **state)
{
	char backup[128];

	(void)state;
	put_text(conf, "nameserver 192.0.2.1\n");
	assert_int_equal(set_dns(&a), 0);
	put_text(conf, "nameserver 192.0.2.1\n");
	snprintf(backup, sizeof(backup), "%s/a.resolv", dir);
	assert_int_equal(access(backup, F_OK), 0);
	assert_int_equal(host_dns_restore(&a), 0);
	assert_int_equal(access(backup, F_OK), -1);
	assert_string_equal(text_of(conf), "nameserver 192.0.2.1\n");
}

static void two_instances_leave_in_either_order(void **state)
{
	struct host *orders[2][2] = { { &a, &b }, { &b, &a } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		put_text(conf, "nameserver 192.0.2.1\n");
		assert_int_equal(set_dns(&a), 0);
		assert_int_equal(set_dns(&b), 0);
		is_ours("b");
		assert_int_equal(host_dns_restore(orders[i][0]), 0);
		is_ours(orders[i][1]->name);
		assert_int_equal(host_dns_restore(orders[i][1]), 0);
		assert_string_equal(text_of(conf), "nameserver 192.0.2.1\n");
		assert_int_equal(files_in_folder(), 1);
	}
}

static void a_broken_backup_changes_nothing(void **state)
{
	static const char *const broken[] = { "", "x", "triglav resolv.conf backup\n", "triglav resolv.conf backup\npath /x\n\n" };
	char backup[128];

	(void)state;
	snprintf(backup, sizeof(backup), "%s/a.resolv", dir);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		put_text(backup, broken[i]);
		assert_int_equal(host_dns_restore(&a), -EINVAL);
	}
}

static void no_servers_is_an_error(void **state)
{
	struct host_dns set = { .tun = "tg0", .no_resolved = true, .resolv_conf = conf };

	(void)state;
	assert_int_equal(host_dns_set(&a, &set, NULL), -EINVAL);
	assert_int_equal(files_in_folder(), 0);
}

/* --- a resolved of our own ------------------------------------------------------------------ */

struct fake {
	int listener;
	bool refuses;		/* SetLinkDNS */
	char told[512];		/* "SetLinkDNS 7 10.0.85.1 fd85::1; ..." */
};

static void note(struct fake *f, const char *text)
{
	strncat(f->told, text, sizeof(f->told) - strlen(f->told) - 1);
}

static void note_servers(struct fake *f, sd_bus_message *m)
{
	char text[ADDR_TEXT_BYTES];
	int family;

	assert_true(sd_bus_message_enter_container(m, 'a', "(iay)") > 0);
	while (sd_bus_message_enter_container(m, 'r', "iay") > 0) {
		struct addr server = { 0 };
		const void *bytes;
		size_t len;

		assert_true(sd_bus_message_read(m, "i", &family) > 0);
		assert_true(sd_bus_message_read_array(m, 'y', &bytes, &len) > 0);
		server.family = family == AF_INET6 ? 6 : 4;
		assert_int_equal(len, family == AF_INET6 ? 16 : 4);
		memcpy(server.ip, bytes, len);
		note(f, " ");
		note(f, addr_format(&server, text));
		sd_bus_message_exit_container(m);
	}
}

static int answer_bus(sd_bus_message *m, const char *member)
{
	if (!strcmp(member, "Hello"))
		return sd_bus_reply_method_return(m, "s", ":1.7");
	return sd_bus_reply_method_return(m, "b", 1);	/* NameHasOwner */
}

static int on_call(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	const char *member = sd_bus_message_get_member(m);
	struct fake *f = ctx;
	char number[16];
	int ifindex;

	(void)error;
	if (!sd_bus_message_is_method_call(m, NULL, NULL))
		return 0;
	if (!strcmp(sd_bus_message_get_interface(m), "org.freedesktop.DBus"))
		return answer_bus(m, member);
	note(f, member);
	if (strcmp(member, "FlushCaches")) {
		assert_true(sd_bus_message_read(m, "i", &ifindex) > 0);
		snprintf(number, sizeof(number), " %d", ifindex);
		note(f, number);
	}
	if (!strcmp(member, "SetLinkDNS"))
		note_servers(f, m);
	note(f, "; ");
	if (f->refuses)
		return sd_bus_reply_method_errnof(m, EBUSY, "no");
	return sd_bus_reply_method_return(m, "");
}

static void serve(struct fake *f, int fd)
{
	sd_id128_t id = SD_ID128_MAKE(00, 01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f);
	sd_bus *bus;
	int more;

	assert_true(sd_bus_new(&bus) >= 0);
	assert_true(sd_bus_set_fd(bus, fd, fd) >= 0);
	assert_true(sd_bus_set_server(bus, 1, id) >= 0);
	assert_true(sd_bus_set_anonymous(bus, 1) >= 0);
	assert_true(sd_bus_add_filter(bus, NULL, on_call, f) >= 0);
	assert_true(sd_bus_start(bus) >= 0);
	while ((more = sd_bus_process(bus, NULL)) >= 0)
		if (!more && sd_bus_wait(bus, 5 * SEC) <= 0)
			break;
	sd_bus_flush_close_unref(bus);
}

static void *play_resolved(void *ctx)
{
	struct fake *f = ctx;
	int fd;

	while ((fd = accept(f->listener, NULL, NULL)) >= 0)
		serve(f, fd);
	return NULL;
}

static void start_fake(struct fake *f, pthread_t *thread, char *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/bus", dir);
	sprintf(address, "unix:path=%s/bus", dir);
	f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(f->listener, 4), 0);
	assert_int_equal(pthread_create(thread, NULL, play_resolved, f), 0);
}

static void stop_fake(struct fake *f, pthread_t thread)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(f->listener);
}

static void resolved_is_told(void **state)
{
	char address[128], why[HOST_WHY_BYTES] = "";
	struct host_dns set = { .tun = "tg0", .tun_ifindex = 7, .servers = servers, .server_count = 2, .resolv_conf = conf,
				.bus_address = address };
	struct fake f = { 0 };
	pthread_t thread;

	(void)state;
	put_text(conf, "# by resolved\nnameserver 127.0.0.53\n");
	start_fake(&f, &thread, address);
	assert_int_equal(host_dns_set(&a, &set, why), 0);
	assert_string_equal(text_of(conf), "# by resolved\nnameserver 127.0.0.53\n");
	assert_int_equal(host_dns_restore(&a), 0);

	/* resolv.conf does not lead to resolved: replaced as well */
	put_text(conf, "nameserver 192.0.2.1\n");
	assert_int_equal(host_dns_set(&a, &set, why), 0);
	is_ours("a");
	assert_int_equal(host_dns_restore(&a), 0);
	assert_string_equal(text_of(conf), "nameserver 192.0.2.1\n");
	stop_fake(&f, thread);

	assert_string_equal(f.told, "SetLinkDNS 7 10.0.85.1 fd85::1; SetLinkDomains 7; SetLinkDefaultRoute 7; FlushCaches; "
				    "RevertLink 7; "
				    "SetLinkDNS 7 10.0.85.1 fd85::1; SetLinkDomains 7; SetLinkDefaultRoute 7; FlushCaches; "
				    "RevertLink 7; ");
}

static void resolved_refuses(void **state)
{
	char address[128], why[HOST_WHY_BYTES] = "";
	struct host_dns set = { .tun = "tg0", .tun_ifindex = 7, .servers = servers, .server_count = 2, .resolv_conf = conf,
				.bus_address = address };
	struct fake f = { .refuses = true };
	pthread_t thread;

	(void)state;
	put_text(conf, "nameserver 192.0.2.1\n");
	start_fake(&f, &thread, address);
	assert_int_equal(host_dns_set(&a, &set, why), -EBUSY);
	assert_non_null(strstr(why, "systemd-resolved refused"));
	assert_string_equal(text_of(conf), "nameserver 192.0.2.1\n");
	host_dns_restore(&a);
	stop_fake(&f, thread);
}

static void without_resolved_the_file_is_replaced(void **state)
{
	struct host_dns set = { .tun = "tg0", .tun_ifindex = 7, .servers = servers, .server_count = 1, .resolv_conf = conf,
				.bus_address = "unix:path=/nonexistent/bus" };

	(void)state;
	put_text(conf, "nameserver 192.0.2.1\n");
	assert_int_equal(host_dns_set(&a, &set, NULL), 0);
	assert_memory_equal(text_of(conf), "# triglav a ", 12);
	assert_int_equal(host_dns_restore(&a), 0);
	assert_string_equal(text_of(conf), "nameserver 192.0.2.1\n");
}

#define in_folder(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_folder(a_file_comes_back),
		in_folder(a_link_comes_back),
		in_folder(nothing_comes_back),
		in_folder(somebody_elses_new_file_stays),
		in_folder(somebody_elses_edit_stays_and_the_old_file_is_kept),
		in_folder(a_backup_without_our_file_is_dropped),
		in_folder(two_instances_leave_in_either_order),
		in_folder(a_broken_backup_changes_nothing),
		in_folder(no_servers_is_an_error),
		in_folder(resolved_is_told),
		in_folder(resolved_refuses),
		in_folder(without_resolved_the_file_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
