// SPDX-License-Identifier: MIT
/* probe.h - what the probes share; see main.c */
#ifndef TG_PROBE_H
#define TG_PROBE_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>

#define FRAME_BYTES 100
#define WAIT_MS 5000

/* The probes. Each works in a network namespace of its own, returns 0 when the mode works, and
 * otherwise what no() returned. */
int probe_tun_tso(void);
int probe_tun_uso(void);
int probe_tun_steering(void);
int probe_xdp_native(void);
int probe_xdp_generic(void);
int probe_xsk_copy(void);
int probe_xsk_generic(void);
int probe_xsk_zero_copy(void);	/* in the namespace it is called in: that is where the guest's cards are */
int probe_dispatcher(void);
int probe_clsact(void);
int probe_tcx(void);

/* Prints the reason as a line, with the text of errno when err (negative) is not 0; returns 1. */
int no(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The path of probe.bpf.o, which lies beside the program. */
const char *object_path(void);

/* Loads probe.bpf.o with this program of it only. NULL: it is refused, no() has been called.
 * The caller closes the object with bpf_object__close(). */
struct bpf_object *load(const char *program, int *fd);

/* How often counter 0 or 1 of a loaded object was raised. */
unsigned long long runs_of(struct bpf_object *object, unsigned int which);

/* Two ends of a veth, up, in a new namespace which the process enters. Interface indices. */
struct pair {
	int near, far;
};
int pair_make(struct pair *ret);

/* A packet socket on an interface, and one numbered frame of FRAME_BYTES that it sends. Both
 * return a negative errno on failure. */
int frame_socket(int ifindex);
int frame_send(int fd, unsigned char number);
void frame_fill(unsigned char *frame, unsigned char number);
bool frame_is(const unsigned char *frame, size_t bytes, unsigned char number);

/* Waits for that frame at a packet socket. */
bool frame_comes(int fd, unsigned char number);

/* Runs a shell command without output; its exit code. */
int shell(const char *command);

#endif
