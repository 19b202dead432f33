#!/usr/bin/env python3
"""Vectors of the proof of GPU, by a reference of its own: shares no code with gpu/ or node-agents/. Needs numpy.

    python test/vectors/pog.py > test/vectors/pog.json && npx prettier --write test/vectors/pog.json

All numbers are exact: products of bytes summed over n <= 2048 stay far below 2^53, where float64 is.
"""

import hashlib
import json
import random
import struct

import numpy

FIRST_SEED, FIRST_NONCE = bytes(range(32)), bytes(range(32, 64))
# n, K, w, f, lanes, r, Q: the first three are those of the design. There no fresh rows went into sweeps, and nothing into rounds: they are others here.
PUBLISHED = [(64, 4, 4, 4, 8, 2, 6), (256, 8, 16, 4, 8, 4, 6), (1024, 4, 64, 4, 8, 4, 4)]
FRESH = [(32, 1, 2, 4, 8, 1, 1), (64, 5, 2, 8, 8, 2, 7), (128, 3, 4, 8, 4, 3, 9), (128, 9, 16, 2, 8, 4, 5), (512, 2, 16, 8, 8, 1, 4), (2048, 2, 64, 8, 8, 2, 2)]


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def key(tag: str, seed: bytes) -> list[int]:
    return list(struct.unpack("<4I", sha(f"pog2|{tag}|".encode(), seed)[:16]))


def gseed(seed: bytes, gpu: int) -> bytes:
    return sha(b"pog2|gpu|", seed, struct.pack("<I", gpu))


def word(k: list[int], i: int) -> int:
    x = (i + k[0]) % 2**32
    x ^= x >> 16
    x = (x * 0x85EBCA6B + k[1]) % 2**32
    x ^= x >> 13
    x = (x * 0xC2B2AE35 + k[2]) % 2**32
    x ^= x >> 16
    x = (x * 0x27D4EB2F + k[3]) % 2**32
    return x ^ (x >> 15)


def matrix(k: list[int], rows: int, columns: int) -> numpy.ndarray:
    # The same words on whole arrays, in uint64 so that nothing wraps by itself.
    x = (numpy.arange(rows * columns // 4, dtype=numpy.uint64) + k[0]) % 2**32
    for shift, factor, add in ((16, 0x85EBCA6B, k[1]), (13, 0xC2B2AE35, k[2]), (16, 0x27D4EB2F, k[3])):
        x ^= x >> numpy.uint64(shift)
        x = (x * numpy.uint64(factor) + numpy.uint64(add)) % 2**32
    x ^= x >> numpy.uint64(15)
    return x.astype("<u4").view(numpy.int8).reshape(rows, columns)


def product(a: numpy.ndarray, b: numpy.ndarray) -> numpy.ndarray:
    """a times b transposed, as integers."""
    return (a.astype(numpy.float64) @ b.astype(numpy.float64).T).astype(numpy.int64)


def byte1(c: numpy.ndarray) -> numpy.ndarray:
    return ((c >> 8) & 255).astype(numpy.uint8).view(numpy.int8)


def merkle(level: list[bytes]) -> bytes:
    while len(level) > 1:
        level = [sha(b"\1", level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def state_root(state: numpy.ndarray, x: numpy.ndarray, f: int) -> bytes:
    w = len(x)
    groups = product(state, x).astype("<i4").view(numpy.int8).reshape(-1, 4 * w * f)
    digests = product(groups, x[:, : 4 * w * f]).astype("<i4")
    return merkle([sha(b"\0", d.tobytes()) for d in digests])


def sweep(nonce: bytes, gpu: int, states: list, lanes: int, r: int, steps: int) -> list:
    # One matrix for all of it: the first rows start the sweep, and each step adds the next ones to what the states give.
    fresh = matrix(key("U", gseed(nonce, gpu)), (steps + 1) * lanes, states[0].shape[1]).reshape(steps + 1, lanes, -1)
    u = [fresh[0]]
    for q in range(steps):
        first = 1 + r * (q % ((len(states) - 1) // r))
        total = sum(byte1(product(u[-1], states[first + j])).astype(numpy.int64) for j in range(r))
        u.append(((total + fresh[q + 1]) & 255).astype(numpy.uint8).view(numpy.int8))
    return u


def run(seed: bytes, nonce: bytes, gpu: int, n: int, rounds: int, w: int, f: int, lanes: int, r: int, steps: int) -> dict:
    mine = gseed(seed, gpu)
    weights, x, states = matrix(key("W", mine), n, n), matrix(key("X", seed), w, n), [matrix(key("S", mine), n, n)]
    for t in range(rounds):
        moved = numpy.roll(states[0], -(t + 1), axis=1)
        states.append(((byte1(product(weights, states[-1])).astype(numpy.int64) + moved) & 255).astype(numpy.uint8).view(numpy.int8))
    roots = [state_root(s, x, f) for s in states[1:]]
    u = sweep(nonce, gpu, states, lanes, r, steps)
    leaves = [sha(b"\0", row.tobytes()) for rows in u for row in rows]
    while len(leaves) & (len(leaves) - 1):
        leaves.append(bytes(32))
    return {
        "seed": seed.hex(), "nonce": nonce.hex(), "gpu": gpu, "n": n, "K": rounds, "w": w, "f": f, "lanes": lanes, "r": r, "Q": steps,
        "first": states[1][0, :8].tolist(), "roots": [x.hex() for x in roots], "last": sha(states[-1].tobytes()).hex(),
        "swept": sha(u[-1].tobytes()).hex(), "swr": merkle(leaves).hex(),
        "clocks": [sha(*roots).hex(), sha(merkle(leaves)).hex()],  # what stops them: hashes over all that is committed to
    }


def main() -> None:
    rng = random.Random(2026)
    words = [(t, i) for t in "WSXU" for i in (0, 1, 2, 3)] + [("W", 2**26 - 1), ("X", 2**32 - 1)]
    rows = [("W", 0, 64, 1), ("S", 7, 64, 63), ("U", 1, 4096, 3), ("W", 2, 16384, 16383), ("W", 5, 32768, 32767)]
    row = lambda k, r, n: list(struct.pack(f"<{n // 4}I", *(word(k, r * (n // 4) + c) for c in range(n // 4))))
    out = {
        "seed": FIRST_SEED.hex(),
        "words": [{"tag": t, "index": i, "word": word(key(t, FIRST_SEED), i)} for t, i in words],
        "gseeds": [{"gpu": g, "gseed": gseed(FIRST_SEED, g).hex()} for g in (0, 1, 7, 2**32 - 1)],
        "rows": [
            {"tag": t, "gpu": g, "n": n, "row": r, "first": [b - 256 * (b > 127) for b in bytes_[:8]], "sha256": sha(bytes(bytes_)).hex()}
            for t, g, n, r in rows
            for bytes_ in [row(key(t, gseed(FIRST_SEED, g)), r, n)]
        ],
        "chains": [run(FIRST_SEED, FIRST_NONCE, 0, *size) for size in PUBLISHED]
        + [run(rng.randbytes(32), rng.randbytes(32), gpu, *size) for gpu, size in enumerate(FRESH)],
    }
    print(json.dumps(out))


main()
