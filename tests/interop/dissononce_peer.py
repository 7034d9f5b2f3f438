# SPDX-License-Identifier: MIT
"""Live Noise handshakes between noise_peer (our code) and dissononce, each in both roles.

usage: dissononce_peer.py NOISE_PEER VECTORS_DIR

Hashes that dissononce has are its own; BLAKE3 is the reference beside this file, plugged in.
"""
import hmac
import os
import subprocess
import sys

from cryptography.exceptions import InvalidTag
from dissononce.cipher.aesgcm import AESGCMCipher
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.exceptions.decrypt import DecryptFailedException
from dissononce.hash.blake2b import Blake2bHash
from dissononce.hash.hash import Hash
from dissononce.hash.sha256 import SHA256Hash
from dissononce.hash.sha512 import SHA512Hash
from dissononce.processing.handshakepatterns.interactive.NK import NKHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

import blake3_reference

REFUSALS = (DecryptFailedException, InvalidTag)
PAYLOADS = ((b"", b"answer"), (os.urandom(128), os.urandom(112)))


class Blake3Hash(Hash):
    def __init__(self):
        super().__init__("BLAKE3", 32, 64)

    def hash(self, data):
        return blake3_reference.blake3(data)

    def hmac_hash(self, key, data):
        key = (self.hash(key) if len(key) > 64 else key).ljust(64, b"\0")
        inner = self.hash(bytes(k ^ 0x36 for k in key) + data)
        return self.hash(bytes(k ^ 0x5C for k in key) + inner)


HASHES = {h().name: h for h in (Blake3Hash, SHA256Hash, SHA512Hash, Blake2bHash)}
CIPHERS = {c().name: c for c in (ChaChaPolyCipher, AESGCMCipher)}
PATTERNS = {
    "NK": NKHandshakePattern,
    "NKpsk0": lambda: PSKPatternModifier(0).modify(NKHandshakePattern()),
    "NKpsk2": lambda: PSKPatternModifier(2).modify(NKHandshakePattern()),
}


class Refused(Exception):
    """One of the two sides would not have a message."""


def hexed(data):
    return bytes(data).hex() or "-"


def flipped(data):
    at = len(data) // 2
    return data[:at] + bytes((data[at] ^ 4,)) + data[at + 1 :]


class Ours:
    """noise_peer behind a pipe."""

    def __init__(self, program, role, protocol, prologue, key, psk):
        pattern, cipher, hash_name = protocol
        self.process = subprocess.Popen(
            [program, role, pattern, cipher, hash_name, hexed(prologue), hexed(key), hexed(psk or b"")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *line):
        self.process.stdin.write(" ".join(line) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer == "refused":
            raise Refused("noise_peer")
        if not answer:
            raise AssertionError("noise_peer ended at %r" % (line,))
        return b"" if answer == "-" else bytes.fromhex(answer)

    def write(self, payload):
        return self.ask("write", hexed(payload))

    def read(self, message):
        return self.ask("read", hexed(message))

    def finish(self):
        return self.ask("finish")

    def seal(self, ad, text):
        return self.ask("seal", hexed(ad), hexed(text))

    def open(self, ad, text):
        return self.ask("open", hexed(ad), hexed(text))

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(10)
        self.process.stdout.close()
        if status:
            raise AssertionError("noise_peer ended with %d" % status)


class Theirs:
    """dissononce behind the same calls."""

    def __init__(self, role, protocol, prologue, psk, static=None, remote=None):
        pattern, cipher, hash_name = protocol
        self.initiator = role == "initiator"
        self.hash = HASHES[hash_name]()
        self.state = HandshakeState(SymmetricState(CipherState(CIPHERS[cipher]()), self.hash), X25519DH())
        self.state.initialize(
            PATTERNS[pattern](), self.initiator, prologue, s=static, rs=remote, psks=psk and (psk,)
        )
        expected = "Noise_%s_25519_%s_%s" % protocol
        assert self.state.protocol_name == expected, self.state.protocol_name

    def write(self, payload):
        message = bytearray()
        self.keep(self.state.write_message(payload, message))
        return bytes(message)

    def read(self, message):
        payload = bytearray()
        try:
            self.keep(self.state.read_message(message, payload))
        except REFUSALS as error:
            raise Refused("dissononce") from error
        return bytes(payload)

    def keep(self, split):
        if split:
            self.sending, self.receiving = split if self.initiator else reversed(split)

    def finish(self):
        symmetric = self.state.symmetricstate
        root = self.hash.hkdf(symmetric._ck, b"", 3)[2][:32]  # its split() stops at two outputs
        return symmetric.get_handshake_hash() + root

    def seal(self, ad, text):
        return self.sending.encrypt_with_ad(ad, text)

    def open(self, ad, text):
        try:
            return self.receiving.decrypt_with_ad(ad, text)
        except REFUSALS as error:
            raise Refused("dissononce") from error

    def end(self):
        pass


def pair(program, protocol, we_initiate, our_psk, their_psk):
    """The initiator and the responder, one of them ours, with a fresh responder key."""
    dh = X25519DH()
    static = dh.generate_keypair(PrivateKey(os.urandom(32)))
    prologue = b"triglav 2" + os.urandom(16)
    if we_initiate:
        ours = Ours(program, "initiator", protocol, prologue, static.public.data, our_psk)
        return ours, Theirs("responder", protocol, prologue, their_psk, static=static)
    ours = Ours(program, "responder", protocol, prologue, static.private.data, our_psk)
    return Theirs("initiator", protocol, prologue, their_psk, remote=static.public), ours


def same(what, one, other):
    if not hmac.compare_digest(one, other):
        raise AssertionError("%s differs: %s and %s" % (what, one.hex(), other.hex()))


def transport(initiator, responder):
    for number in range(3):
        for sender, receiver in ((initiator, responder), (responder, initiator)):
            ad, text = os.urandom(12), os.urandom(number * 700)
            sealed = sender.seal(ad, text)
            try:
                receiver.open(ad, flipped(sealed))
                raise AssertionError("a changed transport message was accepted")
            except Refused:
                pass
            same("transport message", receiver.open(ad, sealed), text)


def handshake(initiator, responder, payloads):
    same("first payload", responder.read(initiator.write(payloads[0])), payloads[0])
    same("answer's payload", initiator.read(responder.write(payloads[1])), payloads[1])
    same("handshake hash and root", initiator.finish(), responder.finish())
    transport(initiator, responder)


def change_first(initiator, responder):
    responder.read(flipped(initiator.write(b"first")))


def change_answer(initiator, responder):
    responder.read(initiator.write(b"first"))
    initiator.read(flipped(responder.write(b"answer")))


def plain(initiator, responder):
    initiator.read(responder.write(responder.read(initiator.write(b"first"))))


def must_refuse(what, sides, steps):
    try:
        steps(*sides)
    except Refused:
        return
    finally:
        for side in sides:
            side.end()
    raise AssertionError("%s was accepted" % what)


def run_protocol(program, protocol):
    psk = None if protocol[0] == "NK" else os.urandom(32)
    runs = 0
    for we_initiate in (True, False):
        for payloads in PAYLOADS:
            sides = pair(program, protocol, we_initiate, psk, psk)
            handshake(*sides, payloads)
            for side in sides:
                side.end()
            runs += 1
        must_refuse("a changed first message", pair(program, protocol, we_initiate, psk, psk), change_first)
        must_refuse("a changed answer", pair(program, protocol, we_initiate, psk, psk), change_answer)
        if psk:
            sides = pair(program, protocol, we_initiate, psk, os.urandom(32))
            must_refuse("another psk", sides, plain)
    return runs


def main():
    program, vectors = sys.argv[1:]
    compared = blake3_reference.check(os.path.join(vectors, "blake3.json"))
    print("reference BLAKE3 agrees with %d published outputs" % compared)
    ciphers = subprocess.run([program, "ciphers"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert "ChaChaPoly" in ciphers and set(ciphers) <= set(CIPHERS), ciphers
    runs = 0
    for hash_name in HASHES:
        for cipher in ciphers:
            for pattern in PATTERNS:
                runs += run_protocol(program, (pattern, cipher, hash_name))
    print("%d handshakes over %s, with transport messages both ways; damaged ones refused" % (runs, ", ".join(ciphers)))


if __name__ == "__main__":
    main()
