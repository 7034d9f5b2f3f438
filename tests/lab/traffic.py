#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""traffic.py - what the lab's internet host serves, and the traffic that tests send to it

  traffic.py serve                        until SIGTERM; prints "ready"
      TCP 80    HTTP: /ip says who asks, /bytes/N sends N bytes
      UDP, TCP 53   DNS: every name is 198.51.100.2 and 2001:db8:2::2
      UDP 7     echo
      TCP 9000  checked stream
  traffic.py stream PROGRESS ADDRESS [--up MBIT] [--down MBIT]
      a checked TCP stream both ways until SIGTERM; PROGRESS is a JSON file that is kept current
  traffic.py echo ADDRESS [--rate PPS] [--size BYTES] [--count N]
      numbered datagrams to UDP 7; prints what became of them as JSON
  traffic.py junk ADDRESS PORT [--count N] [--capture FILE]
      random datagrams, and damaged and repeated copies of those in a capture (pcap)

Checked stream: records of index 8, received so far 8, length 4 and that many bytes, which follow
from the index. So every byte that is missing, twice, moved or damaged shows. The record with
index END is the last; each side answers the other's with its own, saying what it received.
"""
import argparse
import http.server
import json
import os
import random
import select
import signal
import socket
import socketserver
import struct
import sys
import threading
import time

RECORD = struct.Struct("!QQI")
END = 2**64 - 1
PIECE = 16384
PATTERN = random.Random(2).randbytes(2 * PIECE)

stopping = threading.Event()


def content(index, length):
    start = index * 7919 % PIECE
    return PATTERN[start:start + length]


class Stream:
    """One end of a checked stream."""

    def __init__(self, sock, rate_mbit):
        self.sock = sock
        self.rate = rate_mbit * 1e6 / 8
        self.sent = 0
        self.received = 0        # here
        self.confirmed = 0       # at the other end, as far as it has said so
        self.last = time.monotonic()
        self.longest_gap = 0.0
        self.peer_ended = threading.Event()
        self.error = None

    def send_all(self, stop):
        """Sends until stop() says so, then the last record."""
        index, start = 0, time.monotonic()
        size = PIECE if not self.rate else max(512, min(PIECE, int(self.rate * 0.01)))
        while not stop():
            if self.rate:
                ahead = self.sent / self.rate - (time.monotonic() - start)
                if ahead > 0:
                    time.sleep(min(ahead, 0.05))
                    continue
                # After a stall go on at the rate; do not catch up.
                start = max(start, time.monotonic() - self.sent / self.rate - 0.1)
            data = content(index, size)
            self.sock.sendall(RECORD.pack(index, self.received, size) + data)
            self.sent += size
            index += 1
        self.sock.sendall(RECORD.pack(END, self.received, 0))

    def read(self, n):
        parts = bytearray()
        while len(parts) < n:
            more = self.sock.recv(n - len(parts))
            if not more:
                raise ConnectionError("closed in the middle")
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - self.last)
            self.last = now
            parts += more
        return bytes(parts)

    def receive_all(self):
        """Receives and checks until the other side's last record."""
        expected = 0
        while True:
            index, self.confirmed, size = RECORD.unpack(self.read(RECORD.size))
            if index == END:
                self.peer_ended.set()
                return
            if index != expected or size > PIECE or self.read(size) != content(index, size):
                raise ValueError(f"record {index} in place of {expected} is damaged")
            expected += 1
            self.received += size

    def guard(self, step, *args):
        try:
            step(*args)
        except (OSError, ValueError) as e:
            self.error = self.error or str(e) or type(e).__name__
            self.peer_ended.set()
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class StreamServer(socketserver.BaseRequestHandler):
    """The client's first 8 bytes say how fast to send (Mbit/s); ends when the client does."""

    def handle(self):
        rate = struct.unpack("!d", self.request.recv(8, socket.MSG_WAITALL))[0]
        stream = Stream(self.request, rate)
        # When the client has ended, all of it has been received: the last record says how much.
        sender = threading.Thread(target=stream.guard,
                                  args=(stream.send_all, stream.peer_ended.is_set))
        sender.start()
        stream.guard(stream.receive_all)
        sender.join()


def write_progress(path, stream):
    with open(path + ".new", "w") as f:
        json.dump(summary(stream), f)
    os.rename(path + ".new", path)


def summary(stream):
    return {"up": stream.confirmed, "down": stream.received, "sent": stream.sent,
            "longest_gap_ms": round(1000 * stream.longest_gap), "error": stream.error}


def use_cubic(sock):
    """The host's default may be anything, and a namespace cannot always set one of its own."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")


def stream_client(args):
    sock = socket.create_connection((args.address, 9000), timeout=10)
    use_cubic(sock)
    sock.settimeout(None)
    sock.sendall(struct.pack("!d", args.down))
    stream = Stream(sock, args.up)
    threads = [threading.Thread(target=stream.guard, args=a, daemon=True)
               for a in ((stream.send_all, stopping.is_set), (stream.receive_all,))]
    for t in threads:
        t.start()
    deadline = None
    while any(t.is_alive() for t in threads):
        write_progress(args.progress, stream)
        threads[1].join(0.05)
        if stopping.is_set():
            deadline = deadline or time.monotonic() + 20
            if time.monotonic() > deadline:
                stream.error = stream.error or "the end did not arrive within 20 s"
                break
    if not stream.error and stream.confirmed != stream.sent:
        stream.error = f"{stream.confirmed} of {stream.sent} bytes arrived"
    write_progress(args.progress, stream)
    print(json.dumps(summary(stream)), flush=True)
    os._exit(1 if stream.error else 0)


class Http(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/bytes/"):
            body = (PATTERN * (int(self.path[7:]) // len(PATTERN) + 1))[:int(self.path[7:])]
        else:
            body = self.client_address[0].removeprefix("::ffff:").encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def dns_answer(query):
    """The answer to a query with one question: our addresses, whatever the name."""
    end = query.index(0, 12) + 1
    kind, = struct.unpack("!H", query[end:end + 2])
    data = {1: socket.inet_aton("198.51.100.2"),
            28: socket.inet_pton(socket.AF_INET6, "2001:db8:2::2")}.get(kind)
    answer = b"" if data is None else struct.pack("!HHHIH", 0xc00c, kind, 1, 60, len(data)) + data
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, bool(answer), 0, 0) + \
        query[12:end + 4] + answer


class DnsTcp(socketserver.BaseRequestHandler):
    def handle(self):
        size, = struct.unpack("!H", self.request.recv(2, socket.MSG_WAITALL))
        answer = dns_answer(self.request.recv(size, socket.MSG_WAITALL))
        self.request.sendall(struct.pack("!H", len(answer)) + answer)


class Server6(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


def udp_socket(port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::", port))
    return sock


def serve(_args):
    for port, handler in ((80, Http), (53, DnsTcp), (9000, StreamServer)):
        server = Server6(("::", port), handler)
        use_cubic(server.socket)    # connections have it from their listener
        threading.Thread(target=server.serve_forever, daemon=True).start()
    echo, dns = udp_socket(7), udp_socket(53)
    print("ready", flush=True)
    while not stopping.is_set():
        for sock in select.select((echo, dns), (), (), 0.2)[0]:
            data, sender = sock.recvfrom(65536)
            try:
                sock.sendto(data if sock is echo else dns_answer(data), sender)
            except (OSError, ValueError, struct.error):
                pass    # the asker is gone or asked nonsense


def share(times, part):
    return round(times[int(part * len(times))], 3) if times else None


def echo(args):
    """Sends numbered datagrams at a steady pace and listens until 1 s after the last."""
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect((args.address, 7))
    start, sent, seen, times = time.monotonic(), 0, {}, []
    last, longest_gap, swapped = start, 0.0, 0
    end = start + args.count / args.rate + 1
    while time.monotonic() < end and len(seen) < args.count:
        now = time.monotonic()
        while sent < args.count and now >= start + sent / args.rate:
            try:
                sock.send(struct.pack("!Qd", sent, now).ljust(args.size, b"."))
            except OSError:
                pass    # no route just now; counts as lost
            sent += 1
        wait = end - now if sent == args.count else max(0, start + sent / args.rate - now)
        if not select.select((sock,), (), (), wait)[0]:
            continue
        try:
            number, then = struct.unpack("!Qd", sock.recv(65536)[:16])
        except OSError:
            continue
        now = time.monotonic()
        swapped += bool(seen) and number < max(seen)
        seen[number] = seen.get(number, 0) + 1
        times.append((now - then) * 1000)
        longest_gap, last = max(longest_gap, now - last), now
    times.sort()
    lost = [n for n in range(sent) if n not in seen]
    print(json.dumps({"sent": sent, "received": len(seen), "lost": len(lost),
                      "lost_runs": sum(n - 1 in seen or n == 0 for n in lost),
                      "first_lost": lost[0] if lost else None,
                      "copies": sum(seen.values()) - len(seen), "swapped": swapped,
                      "p5_ms": share(times, 0.05), "median_ms": share(times, 0.5),
                      "p95_ms": share(times, 0.95),
                      "longest_gap_ms": round(1000 * longest_gap)}))


def captured_payloads(path, port):
    """UDP payloads sent to the port, from a pcap of Ethernet frames with IPv4."""
    data, at, found = open(path, "rb").read(), 24, []
    while at + 16 <= len(data):
        size, = struct.unpack("<I", data[at + 8:at + 12])
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\x00" and frame[23] == 17 and \
                struct.unpack("!H", frame[36:38])[0] == port:
            found.append(frame[42:14 + struct.unpack("!H", frame[16:18])[0]])
    return found


def damage(rng, data):
    """One bit changed, cut short, or made longer."""
    kind = rng.randrange(3)
    if kind == 0 and data:
        at = rng.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
    if kind == 1:
        return data[:rng.randrange(len(data))]
    return data + rng.randbytes(rng.randrange(1, 64))


def junk_datagram(rng, samples):
    kind = rng.randrange(4 if samples else 2)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 1400))
    if kind == 1:    # looks like one of ours at first sight: type, version, plausible length
        head = rng.choice((b"\1\2\0\1", b"\1\2\1\1", b"\1\2\2\1", b"\2\2\1\1", b"\3\2\0\0",
                           b"\4\0", b"\5\0", b"\6\2", b"\1\3\1\1"))
        return head + rng.randbytes(rng.choice((224, 204, 64, 60, 1472)) - len(head))
    sample = rng.choice(samples)
    return damage(rng, sample) if kind == 2 else sample


def junk(args):
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    rng = random.Random(args.seed)
    samples = captured_payloads(args.capture, args.port) if args.capture else []
    if args.capture and not samples:
        sys.exit("nothing to repeat in the capture")
    sock = socket.socket(family, socket.SOCK_DGRAM)
    for n in range(args.count):
        try:
            sock.sendto(junk_datagram(rng, samples)[:1400], (args.address, args.port))
        except OSError:
            pass
        if n % 64 == 63:
            time.sleep(0.002)    # the victim is to read them, not only its socket buffer
    print(json.dumps({"sent": args.count, "samples": len(samples)}))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser("serve")
    p.set_defaults(run=serve)
    p = commands.add_parser("stream")
    p.set_defaults(run=stream_client)
    p.add_argument("progress")
    p.add_argument("address")
    p.add_argument("--up", type=float, default=0)
    p.add_argument("--down", type=float, default=0)
    p = commands.add_parser("echo")
    p.set_defaults(run=echo)
    p.add_argument("address")
    p.add_argument("--rate", type=float, default=100)
    p.add_argument("--size", type=int, default=64)
    p.add_argument("--count", type=int, default=100)
    p = commands.add_parser("junk")
    p.set_defaults(run=junk)
    p.add_argument("address")
    p.add_argument("port", type=int)
    p.add_argument("--count", type=int, default=1000)
    p.add_argument("--capture")
    p.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    args.run(args)


main()
