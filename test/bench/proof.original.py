"""Milliseconds that the subnet's Python original takes to verify one entry of one GPU, restated: both inputs of C[i,j] made entry by
entry (xorshift32, ten times over, of seed + i + j), their product compared, and the Merkle path of the row climbed.

    python3 proof.original.py 16384

Prints the milliseconds and how it counted: with numpy's scalars as the original does, or, where there is no numpy, with plain integers.
"""

import hashlib
import math
import operator
import struct
import sys
import time

try:
    import numpy
except ImportError:
    numpy = None

number = numpy.uint64 if numpy else int
MASK = 0xFFFFFFFF
SHIFTS = ((operator.lshift, 13), (operator.rshift, 17), (operator.lshift, 5))


def xorshift32(state):
    x = number(state) & number(MASK)
    for shift, by in SHIFTS:  # each constant becomes a scalar of numpy anew, as it does there: most of the time goes into that
        x ^= number(shift(x, number(by)) & number(MASK))
    return x & number(MASK)


def entry(seed: int, i: int, j: int) -> float:
    x = (number(seed) + number(i % number(2**32)) + number(j)) & number(MASK)
    for _ in range(10):
        x = xorshift32(x)
    return x / float(MASK)


def verify(n: int, i: int, j: int, row: bytes, path: list) -> bool:
    left = [entry(12345, i, k) for k in range(n)]
    right = [entry(67890, k, j) for k in range(n)]
    if numpy:
        value = float(numpy.dot(numpy.array(left, numpy.float32), numpy.array(right, numpy.float32)))
    else:
        value = math.fsum(a * b for a, b in zip(left, right))
    close = math.isclose(struct.unpack_from("<f", row, 4 * j)[0], value, rel_tol=1e-5)
    node = hashlib.sha256(row).digest()
    for level, sibling in enumerate(path):
        node = hashlib.sha256(sibling + node if i >> level & 1 else node + sibling).digest()
    return close and len(node) == 32


size = int(sys.argv[1])
levels = (size - 1).bit_length()
times = []
for run in range(3):
    start = time.perf_counter()
    verify(size, size // 3, size // 2, bytes(4 * size), [bytes(32)] * levels)
    times.append((time.perf_counter() - start) * 1000)
print(sorted(times)[1], "numpy scalars" if numpy else "plain integers: no numpy here")
