#!/usr/bin/env python3
"""Proof of GPU: what runs on the host that is to be proved. README.md beside this file says what it proves.

One file, Python 3.9 or newer; torch on GPUs, numpy (or torch) where there is none, and for small sizes nothing at all.

    python3 proof.py info                      one line on each GPU: what it says it is (nothing of it is believed)
    python3 proof.py serve [--gpus N]          answers a validator: JSON lines on stdin and stdout
    python3 proof.py selftest [--device cpu]   known answers on every engine this device has; exit code 0 or 1
    python3 proof.py bench [--n 16384]         figures for people; no validator believes them

All arithmetic is of whole numbers, so each engine (int8, bf16, tf32, ... units) gives the same bits:

    key(tag, s) = SHA256("pog2|" tag "|" s)[:16]; word(key, i) is a mixer of 32 bits; four int8 of a matrix per word
    chain   C = W . S_t^T, S_{t+1} = bits 8..15 of C + S_0 moved on by t+1 columns: n^3 multiplications a round, all states kept
    commit  rows -> digest by a random matrix X -> digest of f digests -> SHA-256 leaf -> Merkle root of a state
    sweep   U_{q+1} = fresh rows + sum over r states of bits 8..15 of U_q . S^T, mod 256: reads r n^2 bytes a step

What is sent when a clock stops is a hash over all roots, and over all rows of U: nothing can be made up afterwards. The host hashes
while the GPU goes on, so the clock sees little of it.

One process per GPU does the work; the parent carries lines and ends them all when anything ends.
"""

from __future__ import annotations

import os
import sys

if sys.version_info < (3, 9):
    sys.exit("proof.py needs Python 3.9 or newer, and this is %d.%d" % sys.version_info[:2])

# What lies beside this file is no library, whatever it is called; and importing leaves no files.
sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != os.path.dirname(os.path.realpath(__file__))]
sys.dont_write_bytecode = True

import argparse
import base64
import ctypes
import hashlib
import itertools
import json
import math
import operator
import re
import select
import shutil
import signal
import site
import struct
import subprocess
import tempfile
import time
import traceback

# ---------------------------------------------------------------------------------------------------------------------
# Limits: what a validator may ask for, far beyond what it does.

MAX_LINE = 64 * 1024  # bytes of a command
MAX_N = 32768  # the verifier's sums are exact up to here
MAX_K, MAX_W, MAX_F, MAX_LANES, MAX_R, MAX_Q, MAX_OPEN = 8192, 1024, 64, 64, 16, 65536, 2048
MAX_SWEEP = 1 << 31  # bytes of all rows of U
MAX_GPUS = 64
PLAIN_N = 1024  # what Python alone does in seconds
ENGINES = ("i8", "bf16", "f16", "tf32", "f32", "f64")
WIDTH = {"i8": 1, "bf16": 2, "f16": 2, "tf32": 4, "f32": 4, "f64": 8}  # bytes of one number on its way into the engine
ROWS_AT_ONCE = 4096  # rows of a product made at once: enough for a GPU to be busy, and C stays small
STEPS_AT_ONCE = 16  # steps of the sweep whose rows are hashed together
GB = 1e9


class Refusal(Exception):
    """Something was asked that is not done; its text goes to the validator."""


class Inexact(Refusal):
    """An engine that calculates wrong."""


# ---------------------------------------------------------------------------------------------------------------------
# Hashes, keys and trees: bytes only.


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def key(tag: str, seed: bytes) -> tuple[int, ...]:
    """Four words that choose one matrix."""
    return struct.unpack("<4I", sha(b"pog2|" + tag.encode() + b"|", seed)[:16])


def gpu_seed(seed: bytes, g: int) -> bytes:
    """The seed of GPU g: no GPU's work is another's."""
    return sha(b"pog2|gpu|", seed, struct.pack("<I", g))


def merkle(hashes: list[bytes]) -> list[list[bytes]]:
    """All levels of the tree over these leaf hashes, filled up with zeros to a power of two; the root is [-1][0]."""
    level = hashes + [bytes(32)] * ((1 << (len(hashes) - 1).bit_length()) - len(hashes))
    levels = [level]
    while len(level) > 1:
        level = [sha(b"\1", level[i], level[i + 1]) for i in range(0, len(level), 2)]
        levels.append(level)
    return levels


def path(levels: list[list[bytes]], i: int) -> bytes:
    """The hashes beside the way from leaf i to the root."""
    return b"".join(level[(i >> depth) ^ 1] for depth, level in enumerate(levels[:-1]))


def climb(leaf: bytes, i: int, beside: bytes) -> bytes:
    """The root that a leaf hash and its path lead to."""
    for at in range(0, len(beside), 32):
        other = beside[at : at + 32]
        leaf, i = (sha(b"\1", other, leaf) if i & 1 else sha(b"\1", leaf, other)), i >> 1
    return leaf


# ---------------------------------------------------------------------------------------------------------------------
# Backends, one set of doors. Products are A . B^T of int8 matrices: A [m, k], B [n, k] -> int32 [m, n].


class Numpy:
    """The host's processor by numpy: for tests and development. Torch has the same doors, without saying again what they do."""

    name, device = "numpy", "cpu"
    engines = ("f32", "f64", "i8")
    auto = ("f32", "f64")  # whole numbers are exact and slow

    def __init__(self) -> None:
        import numpy

        self.np = numpy
        self.int8, self.int32 = numpy.int8, numpy.int32
        self.version = "numpy " + numpy.__version__

    def about(self) -> tuple[str, int]:
        """What the device calls itself, and its memory in bytes: claims."""
        return "cpu", 0

    def free(self) -> int:
        """Bytes that may still be taken."""
        return host_memory()

    def empty(self, *shape: int):
        """An int8 matrix with anything in it; raises Refusal when there is no room."""
        check_host_memory(shape)
        return self.np.empty(shape, self.np.int8)

    def words(self, k: tuple[int, ...], first: int, count: int):
        """word(k, i) for i = first .. first+count-1, as uint32."""
        u = self.np.uint32
        k0, k1, k2, k3 = (u(part) for part in k)
        x = self.np.arange(first, first + count, dtype=u)
        x += k0
        x ^= x >> u(16)
        x *= u(0x85EBCA6B)
        x += k1
        x ^= x >> u(13)
        x *= u(0xC2B2AE35)
        x += k2
        x ^= x >> u(16)
        x *= u(0x27D4EB2F)
        x += k3
        x ^= x >> u(15)
        return x

    def operand(self, engine: str, m):
        """An int8 matrix as this engine takes it."""
        return m if engine == "i8" else m.astype({"f32": self.np.float32, "f64": self.np.float64}[engine])

    def product(self, engine: str, a, b):
        """a . b^T of two operands, as int32."""
        if engine == "i8":
            return a.astype(self.np.int32) @ b.astype(self.np.int32).T
        return (a @ self.np.ascontiguousarray(b.T)).astype(self.np.int32)  # plain BLAS takes rows twice as fast

    def exact(self, c, a, b) -> bool:
        """Is c the product of these int8 blocks, by plain whole numbers?"""
        return bool((c == a.astype(self.np.int64) @ b.astype(self.np.int64).T).all())

    def add(self, a, b, out) -> None:
        """a + b of int8, modulo 256."""
        self.np.add(a, b, out=out)

    def bytes(self, x) -> bytes:
        """What stands in a matrix, row by row."""
        return self.np.ascontiguousarray(x).tobytes()

    def later(self, x):
        """Starts to fetch that. @return what waits for it and gives it"""
        data = self.bytes(x)
        return lambda: data

    def shift1(self, c):
        """Bits 8..15 by arithmetic: only bench asks, for comparison."""
        return (c >> 8).astype(self.np.int8)

    def sync(self) -> None:
        """Nothing here runs behind our back."""

    def forget(self) -> None:
        """What is not referred to any more is free."""

    def peak(self) -> int:
        """Most bytes that were ever taken, where somebody counts."""
        return 0


class Torch:
    """A GPU by torch, or the host's processor."""

    name = "torch"

    def __init__(self, device: str) -> None:
        import torch

        self.torch, self.device = torch, device
        if device == "cuda" and not torch.cuda.is_available():
            raise Refusal("torch finds no usable GPU")
        self.dev = torch.device(device)
        self.int8, self.int32 = torch.int8, torch.int32
        self.version = torch.__version__
        self.types = {"bf16": torch.bfloat16, "f16": torch.float16, "tf32": torch.float32, "f32": torch.float32, "f64": torch.float64}
        self.engines = ("i8", "f32", "f64") if device == "cpu" else ENGINES
        self.auto = self._worth_trying()
        self.pins = self._can_pin()
        if device == "cuda":  # no sums in 16 bits
            torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
            torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False

    def _worth_trying(self) -> tuple[str, ...]:
        if self.device == "cpu":
            return ("i8", "f32", "f64")
        ampere = self.torch.cuda.get_device_capability() >= (8, 0)
        return ("i8", "bf16", "tf32") if ampere else ("i8", "f16", "f32")

    def _can_pin(self) -> bool:
        """Is there host memory from and to which a GPU copies while all else goes on? Without it, it waits: slower, and no less right."""
        try:
            return self.device == "cuda" and self.torch.empty(1, pin_memory=True).is_pinned()
        except RuntimeError:
            return False

    def about(self) -> tuple[str, int]:
        if self.device == "cpu":
            return "cpu", 0
        return self.torch.cuda.get_device_name(), self.torch.cuda.get_device_properties(0).total_memory

    def free(self) -> int:
        if self.device == "cpu":
            return host_memory()
        self.torch.cuda.empty_cache()
        return self.torch.cuda.mem_get_info()[0]

    def empty(self, *shape: int):
        if self.device == "cpu":
            check_host_memory(shape)
        try:
            return self.torch.empty(shape, dtype=self.torch.int8, device=self.dev)
        except RuntimeError as problem:  # torch's own out-of-memory
            raise Refusal(f"not enough memory: {first_line(problem)}") from problem

    def words(self, k: tuple[int, ...], first: int, count: int):
        """word(k, i) for i = first .. first+count-1, as int32 of the same bits: torch has no shift of unsigned ones."""
        k0, k1, k2, k3 = (signed(part) for part in k)
        x = self.torch.arange(first, first + count, dtype=self.torch.int32, device=self.dev)
        moved = self.torch.empty_like(x)

        def mix(by: int) -> None:
            self.torch.bitwise_right_shift(x, by, out=moved)
            x.bitwise_xor_(moved.bitwise_and_((1 << (32 - by)) - 1))

        x.add_(k0)
        mix(16)
        x.mul_(signed(0x85EBCA6B)).add_(k1)
        mix(13)
        x.mul_(signed(0xC2B2AE35)).add_(k2)
        mix(16)
        x.mul_(0x27D4EB2F).add_(k3)
        mix(15)
        return x

    def operand(self, engine: str, m):
        return m if engine == "i8" else m.to(self.types[engine])

    def product(self, engine: str, a, b):
        torch = self.torch
        if engine == "i8":
            return self._int8_product(a, b)
        if engine in ("bf16", "f16"):  # the sum has to leave the unit in fp32: torch 2.8 or newer
            return torch.mm(a, b.t(), out_dtype=torch.float32).to(torch.int32)
        if self.device == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = engine == "tf32"
        return torch.mm(a, b.t()).to(torch.int32)

    def _int8_product(self, a, b):
        """cuBLAS takes 32 rows or more, and columns by eights: what is missing is filled with zeros and cut off."""
        m, n = a.shape[0], b.shape[0]
        a, b = self._rows(a, max(m, 32)), self._rows(b, -(-n // 8) * 8)
        c = self.torch._int_mm(a, b.t())
        return c if c.shape == (m, n) else c[:m, :n].contiguous()

    def _rows(self, x, rows: int):
        return x if x.shape[0] == rows else self.torch.cat([x, x.new_zeros(rows - x.shape[0], x.shape[1])])

    def exact(self, c, a, b) -> bool:
        """Is c the product of these int8 blocks, by plain whole numbers on the host's processor?"""
        a, b = a.cpu().to(self.torch.int64), b.cpu().to(self.torch.int64)
        return bool((c.cpu() == a @ b.t()).all())

    def add(self, a, b, out) -> None:
        self.torch.add(a, b, out=out)

    def bytes(self, x) -> bytes:
        x = x.contiguous().cpu()
        return ctypes.string_at(x.data_ptr(), x.numel() * x.element_size())

    def later(self, x):
        if self.device == "cpu":
            data = self.bytes(x)
            return lambda: data
        x = x.contiguous()
        held = self.torch.empty(x.shape, dtype=x.dtype, pin_memory=self.pins)
        held.copy_(x, non_blocking=True)
        there = self.torch.cuda.Event()
        there.record()

        def wait() -> bytes:
            there.synchronize()
            return self.bytes(held)

        return wait

    def shift1(self, c):
        return (c >> 8).to(self.torch.int8)

    def sync(self) -> None:
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def forget(self) -> None:
        if self.device == "cuda":
            self.torch.cuda.empty_cache()

    def peak(self) -> int:
        return self.torch.cuda.max_memory_allocated() if self.device == "cuda" else 0


class Plain:
    """Python alone, where neither numpy nor torch is there: a few doors, for PlainProver. A matrix is a list of rows, each of them bytes."""

    name, device = "python", "cpu"
    engines = auto = ("i8",)
    version = "python " + sys.version.split()[0]

    def about(self) -> tuple[str, int]:
        return "cpu", 0

    def words(self, k: tuple[int, ...], first: int, count: int) -> bytes:
        """word(k, i) for i = first .. first+count-1, four bytes each, little end first."""
        return struct.pack(f"<{count}I", *(word(k, i) for i in range(first, first + count)))

    def bytes(self, x) -> bytes:
        return x if isinstance(x, bytes) else b"".join(x)

    def forget(self) -> None:
        """What is not referred to any more is free."""


def word(k: tuple[int, ...], i: int) -> int:
    """The mixer of 32 bits that all matrices come of."""
    x = i + k[0] & 0xFFFFFFFF
    x = (x ^ x >> 16) * 0x85EBCA6B + k[1] & 0xFFFFFFFF
    x = (x ^ x >> 13) * 0xC2B2AE35 + k[2] & 0xFFFFFFFF
    x = (x ^ x >> 16) * 0x27D4EB2F + k[3] & 0xFFFFFFFF
    return x ^ x >> 15


def plain_product(a: list[bytes], b: list[bytes]) -> list[bytes]:
    """a . b^T of rows of int8, as rows of int32.

    Each column of b is one long number with 32 bits for each of its rows, so that Python's own multiplication does a column at once.
    Entries are moved up by 128 on their way into it, and sums by 2^31 on their way out, so that no piece borrows from the next.
    """
    ones, whole = int.from_bytes(b"\1\0\0\0" * len(b), "little"), b"".join(b)
    columns, moved = [], bytes(x ^ 128 for x in range(256))
    for c in range(len(b[0])):
        column = bytearray(4 * len(b))
        column[::4] = whole[c :: len(b[0])].translate(moved)
        columns.append(int.from_bytes(column, "little") - 128 * ones)
    top = ones << 31
    return [((sum(map(operator.mul, int8s(row), columns)) + top) ^ top).to_bytes(4 * len(b), "little") for row in a]


def int8s(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"{len(data)}b", data)


def cut(data: bytes, size: int) -> list[bytes]:
    """Pieces of one size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def signed(word: int) -> int:
    return word - (1 << 32) if word >= 1 << 31 else word


def host_memory() -> int:
    """Bytes that a process may still take on this host; a container's own limit counts."""
    free = 1 << 62
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as top, open("/sys/fs/cgroup/memory.current", encoding="ascii") as now:
            free = min(free, int(top.read()) - int(now.read()))
    except (OSError, ValueError, StopIteration):
        pass  # not Linux, or no limit ("max")
    return free


def check_host_memory(shape: tuple[int, ...]) -> None:
    """The host gives memory that it has not, and kills who uses it: so this asks before."""
    size = math.prod(shape)
    if size > host_memory():
        raise Refusal(f"not enough memory: {size / GB:.2f} GB are needed, {host_memory() / GB:.2f} GB are free")


def backends(device: str) -> list:
    """All backends this device can have, best first. Python alone counts where nothing else is there."""
    makers = {"cuda": [lambda: Torch("cuda")], "cpu": [Numpy, lambda: Torch("cpu")]}
    found = []
    for make in makers["cuda"] + makers["cpu"] if device == "auto" else makers[device]:
        try:
            found.append(make())
        except (ImportError, Refusal, OSError) as problem:  # OSError: a library that torch needs is not there
            print(f"not available: {problem}", file=sys.stderr)
        if found and device == "auto":
            break
    return found or ([Plain()] if device != "cuda" else [])


def backend(device: str):
    """The best of them; raises Refusal when there is none."""
    found = backends(device)
    if not found:
        raise Refusal("no torch that finds a GPU")
    return found[0]


# ---------------------------------------------------------------------------------------------------------------------
# The work of one GPU.


class Prover:
    """States, digests and openings of GPU g. Calls come in the order prepare, chain, sweep, roots, openings; Session sees to that."""

    def __init__(self, be, g: int) -> None:
        self.be, self.g = be, g
        self.S = None

    def matrix(self, k: tuple[int, ...], first: int, rows: int, cols: int):
        """Rows first .. first+rows-1 of the int8 matrix that k chooses."""
        return self.be.words(k, first * cols // 4, rows * cols // 4).view(self.be.int8).reshape(rows, cols)

    def byte1(self, c):
        """Bits 8..15 of each int32, without arithmetic: the second byte, little end first."""
        return c.view(self.be.int8).reshape(*c.shape, 4)[..., 1]

    # -- prepare

    def need(self, engine: str) -> int:
        """Bytes at the peak of the chain: all states, W and S_t as the engine takes them, one piece of C on its way, the kept digests."""
        size, n, step = WIDTH[engine], self.n, self.step
        operands = n * n * (1 if size == 1 else 2 * size)
        return (self.K + 1) * n * n + operands + 10 * step * n + 48 * n * self.w

    def prepare(self, n: int, K: int, w: int, f: int, engine: str, warn) -> str:
        """Takes the memory of K+1 states, chooses the fastest engine that is exact here, and runs everything once.

        @param warn called with (engine, why) for each engine that is left out
        @return the engine's name; raises Refusal when memory or engines do not suffice
        """
        self.drop()
        self.n, self.K, self.w, self.f, self.step = n, K, w, f, min(n, ROWS_AT_ONCE)
        names = self.be.auto if engine == "auto" else (engine,)
        self.check_memory(min(self.need(name) for name in names))
        self.S = self.be.empty(K + 1, n, n)
        self.fill(self.S[0], key("S", b"warm"))
        times, failed = {}, []  # their words alone: an exception holds on to the memory of its frames
        for name in names:
            try:
                times[name] = self.time_engine(name)
            except Exception as problem:  # whatever torch throws for what this card or version lacks
                warn(name, first_line(problem))
                failed.append((not isinstance(problem, Inexact), first_line(problem)))
        if not times:
            self.drop()
            exact, why = min(failed)
            raise Refusal(why) if exact else Inexact(why)
        self.engine = min(times, key=times.__getitem__)
        self.warm_up(["i8", self.engine] if engine == "auto" and "i8" in times else [self.engine], warn)
        return self.engine

    def drop(self) -> None:
        """Gives all memory back."""
        self.S = self.X = self.H = self.all_roots = self.sweep_levels = None
        self.trees = {}
        self.be.forget()

    def check_memory(self, need: int) -> None:
        free = self.be.free()
        if need > free:
            raise Refusal(f"not enough memory: K={self.K} states of n={self.n} need {need / GB:.2f} GB in all, {free / GB:.2f} GB are free")

    def fill(self, m, k: tuple[int, ...]) -> None:
        """All rows of the matrix that k chooses, in pieces."""
        for a in range(0, len(m), self.step):
            m[a : a + self.step] = self.matrix(k, a, min(self.step, len(m) - a), self.n)

    def time_engine(self, name: str) -> float:
        """Seconds of one piece of a round. Before that, a block of the product at its real size is compared with whole numbers."""
        if name not in self.be.engines:
            raise Refusal("not on this device")
        beside, free = self.need(name) - (self.K + 1) * self.n**2, self.be.free()
        if beside > free:
            raise Refusal(f"not enough memory: it needs {beside / GB:.2f} GB beside the states, {free / GB:.2f} GB are free")
        rows, state = self.matrix(key("W", b"warm"), 0, self.step, self.n), self.S[0]
        part, times = self.be.operand(name, rows), []
        c = self.be.product(name, part, self.be.operand(name, state))
        if not all(self.be.exact(c[at, at], rows[at], state[at]) for at in (slice(0, 32), slice(self.step - 32, self.step))):
            raise Inexact("its results are not exact")
        whole = self.be.operand(name, state)
        while len(times) < 3 and sum(times) < 0.5:  # a processor needs no second run
            self.be.sync()
            start = time.perf_counter()
            self.S[1][0 : self.step] = self.byte1(self.be.product(name, part, whole))
            self.be.sync()
            times.append(time.perf_counter() - start)
        return min(times)

    def warm_up(self, thin: list[str], warn) -> None:
        """Runs all that is timed later, which must not load a kernel then, and chooses how to read states: by which engine and which way round."""
        for self.thin in thin:
            try:
                self.chain(b"warm", 1)
                u = self.matrix(key("U", b"warm"), 0, 8, self.n)
                self.check_thin(u)
                ways = {wide: self.time_step(u, wide) for wide in (False, True)}
                self.wide = min(ways, key=ways.__getitem__)
                self.trees = {}
                return
            except Exception as problem:  # a shape that this engine does not take on this card
                warn(self.thin, first_line(problem))
        self.drop()
        raise Inexact("no engine reads states exactly here")

    def check_thin(self, u) -> None:
        be, some = self.be, self.S[1][0:32]
        digests = self.digest(self.S[1])[0:32]
        tall, wide = (be.product(self.thin, be.operand(self.thin, a), be.operand(self.thin, b)) for a, b in ((self.S[1], u), (u, self.S[1])))
        if not (be.exact(digests, some, self.X) and be.exact(tall[0:32], some, u) and be.exact(wide[:, 0:32], u, some)):
            raise Inexact("its results are not exact")

    def time_step(self, u, wide: bool) -> float:
        """Seconds of one step of the sweep, the second of two: u goes on."""
        self.wide, states = wide, self.S[1 : 1 + min(4, self.K)]
        for _ in range(2):
            self.be.sync()
            start = time.perf_counter()
            u += self.step_of(states, u)
            self.be.sync()
        return time.perf_counter() - start

    # -- chain and commitments

    def chain(self, seed: bytes, rounds: int) -> bytes:
        """S_1 .. S_rounds from the seed, and their roots. @return the hash over these"""
        be, mine = self.be, gpu_seed(seed, self.g)
        self.X = self.matrix(key("X", seed), 0, self.w, self.n)
        self.fill(self.S[0], key("S", mine))
        starts = range(0, self.n, self.step)
        W = [be.operand(self.engine, self.matrix(key("W", mine), a, self.step, self.n)) for a in starts]
        roots, coming = [], None
        for t in range(rounds):
            state = be.operand(self.engine, self.S[t])
            for a, part in zip(starts, W):
                self.follow(t, a, self.byte1(be.product(self.engine, part, state)))
            before, coming = coming, be.later(self.digest(self.groups(t + 1)))
            if before:  # hashed while the GPU is busy with what it was just given
                roots.append(self.grow(before())[-1][0])
        roots.append(self.grow(coming())[-1][0])
        return self.commit(roots)

    def follow(self, t: int, a: int, made) -> None:
        """Rows a .. of S_{t+1}: what round t made of them, and the same rows of S_0 moved on by t+1 columns. Without these each round would
        do the same, and states could stand still or come round again."""
        rows, at = slice(a, a + self.step), (t + 1) % self.n
        first, following, rest = self.S[0][rows], self.S[t + 1][rows], self.n - at
        self.be.add(made[:, :rest], first[:, at:], following[:, :rest])
        if at:
            self.be.add(made[:, rest:], first[:, :at], following[:, rest:])

    def commit(self, roots: list[bytes]) -> bytes:
        self.all_roots, self.trees = b"".join(roots), {}
        return sha(self.all_roots)

    def digest(self, rows):
        """Rows [m, k] to int32 [m, w] by the first k columns of X."""
        be, X = self.be, self.X[:, : rows.shape[1]]
        return be.product(self.thin, be.operand(self.thin, rows), be.operand(self.thin, X))

    def tree(self, t: int):
        """Levels of the tree over state t, its groups of digests, and the leaves' bytes. The last few are kept."""
        if t in self.trees:
            return self.trees[t]
        groups = self.groups(t)
        leaves = self.be.bytes(self.digest(groups))
        levels = self.grow(leaves)
        while len(self.trees) >= 8:
            self.trees.pop(next(iter(self.trees)))
        self.trees[t] = levels, groups, leaves
        return self.trees[t]

    def groups(self, t: int):
        """Digests of all rows of state t, f of them a row."""
        return self.digest(self.S[t]).view(self.be.int8).reshape(self.n // self.f, 4 * self.w * self.f)

    def grow(self, leaves: bytes) -> list[list[bytes]]:
        return merkle([sha(b"\0", leaf) for leaf in cut(leaves, 4 * self.w)])

    # -- sweep

    def sweep(self, nonce: bytes, lanes: int, r: int, Q: int) -> bytes:
        """Q steps over all states, r of them a step. U_0 comes of the nonce, and so do rows that are added to what each step gives: nobody
        who has not the nonce gets from one step to the next. @return the hash of the root over all rows of all U"""
        fresh, self.lanes, self.Q = self.be.empty((Q + 1) * lanes, self.n), lanes, Q
        self.fill(fresh, key("U", gpu_seed(nonce, self.g)))
        self.H = fresh.reshape(Q + 1, lanes, self.n)
        leaves, coming, first = [], None, 0
        for q in range(Q):
            following = self.H[q + 1]
            following += self.step_of(self.states_of(q, r), self.H[q])
            if q + 1 == Q or q + 2 - first == STEPS_AT_ONCE:
                before, coming, first = coming, self.be.later(self.H[first : q + 2]), q + 2
                leaves += self.leaves_of(before()) if before else []
        return self.seal(leaves + self.leaves_of(coming()))

    def leaves_of(self, rows: bytes) -> list[bytes]:
        return [sha(b"\0", row) for row in cut(rows, self.n)]

    def seal(self, leaves: list[bytes]) -> bytes:
        """The tree over all rows of all U: leaf q * lanes + l."""
        self.sweep_levels = merkle(leaves)
        return sha(self.sweep_levels[-1][0])

    def states_of(self, q: int, r: int):
        """The r states that step q reads: step after step it goes round all of them."""
        first = 1 + q % (self.K // r) * r
        return self.S[first : first + r]

    def step_of(self, states, u):
        """One step: [lanes, n] int8. An engine that takes int8 as it is reads all states in one product, others one by one."""
        total, small = None, self.be.operand(self.thin, u)
        for block in [states.reshape(-1, self.n)] if self.thin == "i8" else states:
            part = self.read(block, small, u.shape[0])
            total = part if total is None else total + part
        return total

    def read(self, block, small, lanes: int):
        """Bits 8..15 of the products of the lanes by each state in a block, summed over these states: [lanes, n] int8."""
        be, block = self.be, self.be.operand(self.thin, block)
        if self.wide:
            return self.byte1(be.product(self.thin, small, block)).reshape(lanes, -1, self.n).sum(1, dtype=be.int8)
        return self.byte1(be.product(self.thin, block, small)).reshape(-1, self.n, lanes).sum(0, dtype=be.int8).T

    # -- openings

    def open_row(self, t: int, i: int) -> bytes:
        """row, its group of digests, the leaf, the path."""
        levels, groups, leaves = self.tree(t)
        j, size = i // self.f, 4 * self.w
        return self.be.bytes(self.S[t][i]) + self.be.bytes(groups[j]) + leaves[j * size : (j + 1) * size] + path(levels, j)

    def open_sweep(self, q: int, lane: int) -> bytes:
        """row of U_q, the path."""
        return self.be.bytes(self.H[q][lane]) + path(self.sweep_levels, q * self.lanes + lane)


class PlainProver(Prover):
    """The same in Python alone: slow, for small sizes, and by other means, so that one can be checked by the other."""

    def matrix(self, k: tuple[int, ...], first: int, rows: int, cols: int) -> list[bytes]:
        return cut(self.be.words(k, first * cols // 4, rows * cols // 4), cols)

    def prepare(self, n: int, K: int, w: int, f: int, engine: str, warn) -> str:
        self.drop()
        if engine not in ("auto", *self.be.engines):
            raise Refusal("not on this device")
        if n > PLAIN_N:
            raise Refusal(f"n: at most {PLAIN_N} in a Python that has neither numpy nor torch")
        check_host_memory((K + 1, n, n))
        self.n, self.K, self.w, self.f, self.engine = n, K, w, f, self.be.engines[0]
        return self.engine

    def chain(self, seed: bytes, rounds: int) -> bytes:
        mine = gpu_seed(seed, self.g)
        self.X, W = self.matrix(key("X", seed), 0, self.w, self.n), self.matrix(key("W", mine), 0, self.n, self.n)
        self.S = [self.matrix(key("S", mine), 0, self.n, self.n)]
        for t in range(rounds):
            at = (t + 1) % self.n
            moved = [row[at:] + row[:at] for row in self.S[0]]
            self.S.append([bytes(x + y & 255 for x, y in zip(row[1::4], m)) for row, m in zip(plain_product(W, self.S[t]), moved)])
        self.trees = {}
        return self.commit([self.tree(t)[0][-1][0] for t in range(1, rounds + 1)])

    def digest(self, rows: list[bytes]) -> list[bytes]:
        return plain_product(rows, [x[: len(rows[0])] for x in self.X])

    def groups(self, t: int) -> list[bytes]:
        return cut(b"".join(self.digest(self.S[t])), 4 * self.w * self.f)

    def sweep(self, nonce: bytes, lanes: int, r: int, Q: int) -> bytes:
        fresh, self.lanes, self.Q = self.matrix(key("U", gpu_seed(nonce, self.g)), 0, (Q + 1) * lanes, self.n), lanes, Q
        self.H = [fresh[:lanes]]
        for q in range(Q):
            terms = [plain_product(self.H[q], state) for state in self.states_of(q, r)]
            parts = [[row, *(term[lane][1::4] for term in terms)] for lane, row in enumerate(fresh[(q + 1) * lanes :][:lanes])]
            self.H.append([bytes(sum(entry) & 255 for entry in zip(*part)) for part in parts])
        return self.seal(self.leaves_of(b"".join(row for rows in self.H for row in rows)))


def prover_of(be, g: int) -> Prover:
    return (PlainProver if be.name == "python" else Prover)(be, g)


def first_line(problem: BaseException) -> str:
    """What an exception says, short enough for a line."""
    return f"{problem}".split("\n")[0][:200] or type(problem).__name__


# ---------------------------------------------------------------------------------------------------------------------
# The conversation of one GPU: order of commands, bounds, lines.


def integer(m: dict, name: str, low: int, high: int) -> int:
    value = m.get(name)
    if type(value) is not int or not low <= value <= high:  # True is no number here
        raise Refusal(f"{name}: a whole number from {low} to {high}")
    return value


def hexadecimal(m: dict, name: str, size: int) -> bytes:
    value = m.get(name)
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{" + str(2 * size) + "}", value):
        raise Refusal(f"{name}: {size} bytes in lower-case hex")
    return bytes.fromhex(value)


def pairs(m: dict, name: str, low: int, high: int, width: int) -> list[list[int]]:
    """[[a, b] ...] with low <= a <= high and 0 <= b < width."""
    value = m.get(name)
    if not isinstance(value, list) or len(value) > MAX_OPEN:
        raise Refusal(f"{name}: a list of at most {MAX_OPEN} pairs")
    for pair in value:
        fits = isinstance(pair, list) and len(pair) == 2 and all(type(x) is int for x in pair)
        if not fits or not low <= pair[0] <= high or not 0 <= pair[1] < width:
            raise Refusal(f"{name}: pairs of whole numbers from [{low}, 0] to [{high}, {width - 1}]")
    return value


def sizes(m: dict) -> tuple[int, int, int, int, str]:
    """n, K, w, f and engine of prep. The trees need powers of two, tensor units rows and columns by eights and sixteens."""
    n, K = integer(m, "n", 32, MAX_N), integer(m, "K", 1, MAX_K)
    w, f, engine = integer(m, "w", 1, MAX_W), integer(m, "f", 1, MAX_F), m.get("engine", "auto")
    if n & (n - 1) or f & (f - 1):
        raise Refusal("n and f: powers of two")
    if 4 * w * f > n or w * f % 4:
        raise Refusal("w times f: a multiple of 4, and at most n/4")
    if engine != "auto" and engine not in ENGINES:
        raise Refusal(f"engine: auto or one of {', '.join(ENGINES)}")
    return n, K, w, f, engine


class Session:
    """Commands to one prover, in their order: prep, go, sweep, roots, open; a new prep starts over."""

    def __init__(self, prover: Prover, say) -> None:
        self.prover, self.g, self.stage = prover, prover.g, "new"
        self._say = say
        self.commands = {name: getattr(self, name) for name in ("prep", "go", "sweep", "roots", "open")}

    def say(self, t: str, **more) -> None:
        self._say({"t": t, "g": self.g, **more})

    def hello(self) -> None:
        be = self.prover.be
        name, memory = be.about()
        self.say("hello", v=2, torch=be.version, name=name, mem=memory)

    def handle(self, m: dict) -> None:
        """One command. What is refused changes nothing."""
        try:
            command = self.commands.get(m.get("c") if isinstance(m.get("c"), str) else "")
            if command is None:
                raise Refusal("c: one of ping, prep, go, sweep, roots, open, quit")
            command(m)
        except Refusal as refusal:
            self.say("error", m=str(refusal))

    def at(self, stage: str) -> None:
        if self.stage != stage:
            raise Refusal("out of order: prep, go, sweep and roots come one after the other, each once, and then open")

    def prep(self, m: dict) -> None:
        """Memory and engine; starts over, whatever came before."""
        wanted = sizes(m)
        self.stage = "new"
        try:
            engine = self.prover.prepare(*wanted, lambda e, why: self.say("warn", e=e, m=why))
        except (MemoryError, RuntimeError) as problem:  # torch's own out-of-memory is a RuntimeError
            self.prover.drop()
            raise Refusal(f"prep failed: {first_line(problem)}") from problem
        self.stage = "ready"
        self.say("ready", engine=engine)

    def go(self, m: dict) -> None:
        """The chain, and a hash over all its roots for the clock."""
        self.at("ready")
        seed = hexadecimal(m, "seed", 32)
        self.say("tip", h=self.prover.chain(seed, self.prover.K).hex())
        self.stage = "chained"

    def sweep(self, m: dict) -> None:
        """The sweep, and a hash over all its rows for the clock."""
        self.at("chained")
        nonce, lanes = hexadecimal(m, "nonce", 32), integer(m, "lanes", 1, MAX_LANES)
        r, Q = integer(m, "r", 1, min(MAX_R, self.prover.K)), integer(m, "Q", 1, MAX_Q)
        if (Q + 1) * lanes * self.prover.n > MAX_SWEEP:
            raise Refusal(f"lanes and Q: rows of at most {MAX_SWEEP} bytes in all")
        self.say("swp", h=self.prover.sweep(nonce, lanes, r, Q).hex())
        self.stage = "swept"

    def roots(self, m: dict) -> None:
        """What the two hashes are the hashes of, when no clock runs any more."""
        self.at("swept")
        self.say("roots", d=b64(self.prover.all_roots))
        self.say("swr", root=self.prover.sweep_levels[-1][0].hex())
        self.stage = "committed"

    def open(self, m: dict) -> None:
        """Rows of states and of U, numbered in the order they were asked for. All are looked at before the first is sent."""
        self.at("committed")
        p = self.prover
        rows, us = pairs(m, "rows", 1, p.K, p.n), pairs(m, "u", 0, p.Q, p.lanes)
        for k, (t, i) in enumerate(rows):
            self.say("o", k=k, d=b64(p.open_row(t, i)))
        for k, (q, lane) in enumerate(us, len(rows)):
            self.say("o", k=k, d=b64(p.open_sweep(q, lane)))
        self.say("done")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ---------------------------------------------------------------------------------------------------------------------
# Known answers (seed 00..1f, nonce 20..3f, GPU 0); test/vectors/pog.json has more.

SEED, NONCE = bytes(range(32)), bytes(range(32, 64))
WORDS = {
    "W": (2182555568, 1662691776, 3427472662, 1129547366),
    "S": (418966019, 2844580990, 4269788903, 1125743252),
    "X": (1208008217, 3125185484, 3158704942, 739149759),
    "U": (3830356452, 877755675, 1452129438, 3314102946),
}
FAR_WORD = (1 << 26) - 1, 3899220682  # of W
GPU_SEED = "bee84d92703259fcd554f1095daadca53e53f9f94e603dda64508016ba58ee8f"
W_ROW = (48, -40, 88, 106, 8, 47, -51, -117)  # n=64, row 1
CHAINS = (  # n K w f, lanes r Q; S_1[0, 0..7]; roots of S_1 and S_K; SHA-256 of S_K and of U_Q
    ((64, 4, 4, 4), (8, 2, 6), (13, 29, 2, 88, 63, -91, 62, -84),
     "8ffcb859e868a64473a18e8724c4ceb3aab1e939b4adb4a4b7de22d845727792", "c9a977b32d5cc59d08fcbe39ef8bd9eab0040f350100d0d21bcd1a46cce7bddd",
     "6c5ce734dc9657fe4991aa26c64b91f326137966c6b85ef3837ea014bc3e528e", "6ee793c57c83adee54dfdb72cb3689751342ed61b5116eb9dc2836f6b00157d6"),
    ((256, 8, 16, 4), (8, 4, 6), (-29, -12, 62, 1, -111, -84, -101, -81),
     "74b296a82f4975a154f2341ee2dbb9b88d5eb3062c5a681b8d2c94a5035ddc2b", "f139f94f7c8aa0e0ec283e9f86922cc7bc8200b283169e55bbf3a5310d091cfa",
     "e03493071aeacb4ee9adc5e6e039225e9cbb7c5fdc569e284c315cfd4edc55fb", "d7adee622e00eb35c2ffb3f6b55f134da25cf141287de842322e91c3158f29cf"),
    ((1024, 4, 64, 4), (8, 4, 4), (4, -80, -78, 58, 0, -124, 111, -58),
     "9df93dc6e8e2ae5dae10aac1d48bbdfc86c60142c79569eb2a44389ab1186a0d", "596d8bea814ba280286757dc3f65d5ef0e71557cf026ca93718a68a1ad3ecb25",
     "915fc4942e5769f262c8808c3d2cb7311595222389b4de322b4bee43231959d4", "afc74b4d631b5464d8252f12599a9bc3c912dbbb76220081a70bd7c547897854"),
)  # fmt: skip


def wrong_words(be) -> list[str]:
    """What of the PRF is not as it should be on this backend."""
    p, wrong = prover_of(be, 0), []
    for tag, words in WORDS.items():
        if struct.unpack("<4I", be.bytes(be.words(key(tag, SEED), 0, 4))) != words:
            wrong.append(f"words of {tag}")
    if struct.unpack("<I", be.bytes(be.words(key("W", SEED), FAR_WORD[0], 1))) != FAR_WORD[1:]:
        wrong.append("a far word of W")
    if gpu_seed(SEED, 0).hex() != GPU_SEED or int8s(be.bytes(p.matrix(key("W", gpu_seed(SEED, 0)), 1, 1, 64)))[:8] != W_ROW:
        wrong.append("row 1 of W")
    return wrong


def wrong_chain(p: Prover, engine: str, case: tuple) -> list[str]:
    """What of one known chain is not as it should be; raises what the engine raises when it is not there at all."""
    (n, K, w, f), (lanes, r, Q), first, first_root, last_root, last, swept = case
    p.prepare(n, K, w, f, engine, lambda _, why: None)
    stopped = p.chain(SEED, K)
    roots, got = p.all_roots, {"S_1": int8s(p.be.bytes(p.S[1][0]))[:8] == first}
    got["tip"] = sha(roots) == stopped
    got["root of S_1"] = roots[:32].hex() == first_root
    got["root of S_K"] = roots[-32:].hex() == last_root
    got["S_K"] = sha(p.be.bytes(p.S[K])).hex() == last
    stopped, top = p.sweep(NONCE, lanes, r, Q), p.sweep_levels[-1][0]
    got["U_Q"] = sha(p.be.bytes(p.H[Q])).hex() == swept and sha(top) == stopped
    opened, u = p.open_row(K, n - 1), p.open_sweep(Q, lanes - 1)
    at = n + 4 * w * f
    got["a row's path"] = climb(sha(b"\0", opened[at : at + 4 * w]), n // f - 1, opened[at + 4 * w :]) == roots[-32:]
    got["a sweep row's path"] = climb(sha(b"\0", u[:n]), Q * lanes + lanes - 1, u[n:]) == top
    return [f"{what} at n={n}" for what, right in got.items() if not right]


def selftest(be, engine: str) -> dict:
    """Known answers on one engine: whether all are right and which are not, or why this device has no such engine."""
    start = time.perf_counter()
    wrong = wrong_words(be)
    try:
        for case in CHAINS:
            wrong += wrong_chain(prover_of(be, 0), engine, case)
    except Inexact as problem:
        wrong.append(str(problem))
    except Refusal as refusal:
        if not wrong:
            return {"missing": str(refusal)}
    return {"ok": not wrong, "wrong": wrong, "ms": round((time.perf_counter() - start) * 1000)}


def run_selftest(g: int, device: str, say) -> int:
    """Known answers on every engine; a device without a single engine fails too."""
    found, engines = backends(device) or [backend(device)], {}
    for be in found:
        for engine in be.engines:
            engines[f"{be.name} {engine}"] = selftest(be, engine)
    ran = [result for result in engines.values() if "ok" in result]
    ok = bool(ran) and all(result["ok"] for result in ran)
    say({"t": "selftest", "g": g, "ok": ok, "device": [[be.device, be.version, *be.about()] for be in found], "engines": engines})
    return 0 if ok else 1


# ---------------------------------------------------------------------------------------------------------------------
# Figures for people, to calibrate thresholds by: what the card gives bare, and what the proof makes of it.


def seconds(be, act, times: int = 3) -> float:
    """The shortest of some runs."""
    act()
    best = math.inf
    for _ in range(times):
        be.sync()
        start = time.perf_counter()
        act()
        be.sync()
        best = min(best, time.perf_counter() - start)
    return best


def short(figure: float) -> float:
    return float(f"{figure:.4g}")


def tried(act, *args) -> object:
    """The figure, or why there is none: one that fails keeps no other away."""
    try:
        return act(*args)
    except Exception as problem:
        return f"failed: {first_line(problem)}"


def bench_gemm(p: Prover, engine: str) -> float:
    """TOPS of the bare product of one piece by a whole state."""
    a, b = (p.be.operand(engine, p.matrix(key(tag, SEED), 0, rows, p.n)) for tag, rows in (("W", p.step), ("S", p.n)))
    return short(2 * p.step * p.n**2 / seconds(p.be, lambda: p.be.product(engine, a, b)) / 1e12)


def bench_bytes(p: Prover) -> dict:
    """Milliseconds to take byte 1 of one piece, two ways, and GB/s of a bare copy (read and written)."""
    be, n = p.be, p.n
    c = be.words(key("W", SEED), 0, p.step * n).view(be.int32).reshape(p.step, n)
    target, whole, other = be.empty(p.step, n), be.empty(4 * n, n), be.empty(4 * n, n)

    def strided() -> None:
        target[:] = p.byte1(c)

    def shifted() -> None:
        target[:] = be.shift1(c)

    def copied() -> None:
        other[:] = whole

    whole[:] = 1
    ways = {"strided_ms": strided, "shifted_ms": shifted}
    return {**{name: short(1000 * seconds(be, act)) for name, act in ways.items()}, "copy_gbs": short(2 * 4 * n * n / seconds(be, copied) / GB)}


def bench_laps(p: Prover) -> list[float]:
    """TOPS of three chains one after another: what heat does."""
    laps = []
    for _ in range(3):
        p.be.sync()
        start = time.perf_counter()
        p.chain(SEED, p.K)
        laps.append(short(2 * p.n**3 * p.K / (time.perf_counter() - start) / 1e12))
    return laps


def bench_tree(p: Prover) -> float:
    """Milliseconds that the host takes to hash the tree of one state: hidden, as long as a round takes longer."""
    leaves = p.be.bytes(p.digest(p.groups(1)))
    return short(1000 * seconds(p.be, lambda: p.grow(leaves)))


def bench_sweep(p: Prover) -> dict:
    """GB/s of the sweep by lanes, states a step, and which way round."""
    rates, chosen = {}, p.wide
    for lanes, r, p.wide in itertools.product((8, 32), (1, 2, 4, 8), (False, True)):
        if r <= p.K:
            Q = max(4, 4 * p.K // r)
            rates[f"lanes={lanes} r={r} {'wide' if p.wide else 'tall'}"] = tried(bench_one_sweep, p, lanes, r, Q)
    p.wide = chosen
    return {"chosen": "wide" if chosen else "tall", **rates}


def bench_one_sweep(p: Prover, lanes: int, r: int, Q: int) -> float:
    return short(Q * r * p.n**2 / seconds(p.be, lambda: p.sweep(NONCE, lanes, r, Q), 1) / GB)


def bench_power(p: Prover, engine: str, length: float) -> list[float]:
    """TOPS in the first and in the last tenth of some seconds of work: what the power limit does."""
    a, b = (p.be.operand(engine, p.matrix(key(tag, SEED), 0, rows, p.n)) for tag, rows in (("W", p.step), ("S", p.n)))
    start, laps = time.perf_counter(), []
    while time.perf_counter() - start < length or len(laps) < 10:
        before = time.perf_counter()
        p.be.product(engine, a, b)
        p.be.sync()
        laps.append(2 * p.step * p.n**2 / (time.perf_counter() - before) / 1e12)
    tenth = max(1, len(laps) // 10)
    return [short(sum(part) / tenth) for part in (laps[:tenth], laps[-tenth:])]


def run_bench(g: int, device: str, say, n: int | None, K: int | None) -> int:
    """All figures in one line. Without n and K: the size of a real proof, and all the memory there is."""
    be = backend(device)
    gpu = be.device == "cuda"
    n = n or (16384 if gpu else 512)
    K = K or (max(4, min(MAX_K, 4 * int(0.98 * (be.free() - 2.3 * GB) / n**2 / 4))) if gpu else 8)
    p, warned = Prover(be, g), {}
    asked = sizes({"n": n, "K": K, "w": max(1, min(256, n // 32)), "f": 8})
    engine = p.prepare(*asked, lambda e, why: warned.update({e: why}))
    name, memory = be.about()
    laps = tried(bench_laps, p)
    tree_ms = tried(bench_tree, p)
    sweep, peak = tried(bench_sweep, p), be.peak()
    p.drop()
    figures = {"chain_tops": laps, "tree_ms": tree_ms, "sweep_gbs": sweep, "peak_bytes": peak}
    figures["gemm_tops"] = {e: tried(bench_gemm, p, e) for e in be.engines}
    figures["byte1"] = tried(bench_bytes, p)
    figures["power_tops"] = tried(bench_power, p, engine, 8.0 if gpu else 0.5)
    say({"t": "bench", "g": g, "name": name, "mem": memory, "by": be.version, "n": n, "K": K, "w": p.w, "engine": engine, "warned": warned, **figures})
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# The process of one GPU.


def work(options: argparse.Namespace) -> int:
    """One GPU's part of a mode. Its exit code: 0 done, 1 not."""
    end_with_parent(options.parent)
    lines = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no line of the protocol
    g = options.worker

    def say(message: dict) -> None:
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        while data:
            data = data[os.write(lines, data) :]

    try:
        if options.mode == "selftest":
            return run_selftest(g, options.device, say)
        if options.mode == "bench":
            return run_bench(g, options.device, say, options.n, options.K)
        session = Session(prover_of(backend(options.device), g), say)
        session.hello()
        if options.mode == "serve":
            for line in sys.stdin.buffer:
                session.handle(json.loads(line))
        return 0
    except BrokenPipeError:
        return 1
    except Refusal as refusal:
        say({"t": "error", "g": g, "m": str(refusal)})
        return 1
    except Exception as problem:  # a card that fell off its bus, say: said in a line, the rest on stderr
        traceback.print_exc()
        say({"t": "error", "g": g, "m": f"{type(problem).__name__}: {first_line(problem)}"})
        return 1


def end_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when its parent is gone, however it went. Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        pass  # not Linux: then the closed stdin ends it
    if os.getppid() != parent:
        sys.exit(1)


# ---------------------------------------------------------------------------------------------------------------------
# The parent: starts one process per GPU, carries lines, ends all of them.

HOLD = 1 << 20  # bytes of answers kept for a slow reader; then the GPUs wait
MAX_WAITING = 4 * MAX_LINE  # bytes of commands kept for a busy GPU


class Child:
    """The process of GPU g, the commands that wait for it and the part of a line it has said."""

    def __init__(self, g: int, options: argparse.Namespace, env: dict[str, str]) -> None:
        self.g, self.waiting, self.said = g, bytearray(), bytearray()
        command = [sys.executable, os.path.abspath(__file__), options.mode, "--worker", str(g), "--parent", str(os.getpid()), "--device", options.device]
        command += [word for name in ("n", "K") if getattr(options, name) for word in (f"--{name}", str(getattr(options, name)))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, bufsize=0)
        self.stdin, self.stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.stdin, False)
        self.alive = True

    def ask(self, line: bytes) -> None:
        self.waiting += line + b"\n"

    def write(self) -> None:
        try:
            del self.waiting[: os.write(self.stdin, self.waiting)]
        except BlockingIOError:
            pass
        except BrokenPipeError:  # it ended: its closed stdout tells
            self.waiting.clear()

    def read(self) -> bytes:
        """Whole lines it has said; b"" while there is none. Sets alive to False at its end."""
        data = os.read(self.stdout, 1 << 16)
        self.alive = data != b""
        self.said += data
        end = self.said.rfind(b"\n") + 1
        lines = bytes(self.said[:end])
        del self.said[:end]
        return lines


class Parent:
    """Carries lines between stdin, stdout and the children until all is done or anything is closed."""

    def __init__(self, children: list[Child], interactive: bool) -> None:
        self.children, self.interactive = children, interactive
        self.line, self.out, self.ending, self.code = bytearray(), bytearray(), False, 0

    def say(self, **message) -> None:
        self.out += json.dumps(message, separators=(",", ":")).encode() + b"\n"

    def run(self) -> int:
        while True:
            living = [child for child in self.children if child.alive]
            if not self.out and (self.ending or not living):
                return self.code
            ready = self.wait(living)
            if 1 in ready and ready[1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                return 1  # nobody reads any more
            if 1 in ready and self.out:
                del self.out[: os.write(1, self.out[:4096])]  # as much as a pipe that can be written to takes without blocking
            for child in living:
                if child.stdin in ready:
                    child.write()
                if child.stdout in ready and not self.ending:
                    self.hear(child)
            if 0 in ready and not self.take():
                return self.code

    def wait(self, living: list[Child]) -> dict[int, int]:
        """Which files are ready, and for what."""
        poll = select.poll()
        poll.register(1, select.POLLOUT if self.out else 0)  # 0: tells errors alone
        if self.interactive and not self.ending:
            poll.register(0, select.POLLIN if len(self.out) < HOLD else 0)
        for child in living:
            if len(self.out) < HOLD:
                poll.register(child.stdout, select.POLLIN)
            if child.waiting:
                poll.register(child.stdin, select.POLLOUT)
        return dict(poll.poll())

    def hear(self, child: Child) -> None:
        self.out += child.read()
        if child.alive:
            return
        code = child.process.wait()
        self.code = self.code or (1 if code else 0)
        if self.interactive or code < 0:
            self.say(t="error", g=child.g, m=f"the process of GPU {child.g} ended ({f'signal {-code}' if code < 0 else f'code {code}'})")
            self.code = 1

    def take(self) -> bool:
        """Reads commands. @return False when there is nobody any more to read from"""
        data = os.read(0, 1 << 16)
        self.line += data
        while not self.ending and b"\n" in self.line:
            end = self.line.index(b"\n")
            line = bytes(self.line[:end])
            del self.line[: end + 1]
            self.command(line)
        if len(self.line) > MAX_LINE:
            self.fail(f"a line of more than {MAX_LINE} bytes")
        return data != b""

    def fail(self, why: str) -> None:
        """Says why and ends: what follows would not be understood."""
        self.say(t="error", m=why)
        self.line.clear()
        self.ending, self.code = True, 1

    def command(self, line: bytes) -> None:
        """Answers a ping, and hands anything else to the GPU it names, or to all: at the same moment, as the barrier wants it."""
        if len(line) > MAX_LINE:
            return self.fail(f"a line of more than {MAX_LINE} bytes")
        try:
            m = parse(line)
            if m.get("c") == "quit":
                self.ending = True
            elif m.get("c") == "ping":
                self.say(t="pong", n=hexadecimal(m, "n", 8).hex())
            else:
                self.hand_on(m, line)
        except Refusal as refusal:
            self.say(t="error", m=str(refusal))

    def hand_on(self, m: dict, line: bytes) -> None:
        asked = self.children[integer(m, "g", 0, len(self.children) - 1) :][:1] if "g" in m else self.children
        for child in asked:
            if child.alive:
                child.ask(line)
            else:
                self.say(t="error", g=child.g, m=f"the process of GPU {child.g} is gone")
        if any(len(child.waiting) > MAX_WAITING for child in asked):
            self.fail("too many commands wait for an answer")


def parse(line: bytes) -> dict:
    """One command. NaN and the like are no JSON."""

    def no(text: str):
        raise ValueError(text)

    try:
        m = json.loads(line, parse_constant=no)
    except (ValueError, RecursionError) as problem:
        raise Refusal("not a line of JSON") from problem
    if not isinstance(m, dict):
        raise Refusal("not a JSON object")
    return m


def visible_gpus() -> list[str]:
    """Names of the GPUs a process here may use, as CUDA_VISIBLE_DEVICES takes them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=True).stdout
        count = sum(line.startswith("GPU ") for line in listed.splitlines())
    except (OSError, subprocess.SubprocessError):
        count = sum(bool(re.fullmatch(r"nvidia\d+", name)) for name in os.listdir("/dev"))
    return [str(i) for i in range(count)]


KEPT = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONDONTWRITEBYTECODE")


def settle() -> None:
    """Starts over without what else the environment tells Python: PYTHONINSPECT, say, would have it go on when all is done."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith("PYTHON")}
    if len(kept) < len(os.environ):
        os.execve(sys.executable, [sys.executable, os.path.abspath(__file__), *sys.argv[1:]], kept)


def environment(scratch: str | None) -> dict[str, str]:
    """What the children get: all that writes files does so in the scratch folder, or not at all."""
    env = {**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "PYTHONDONTWRITEBYTECODE": "1"}
    env["PYTHONUSERBASE"] = site.getuserbase()  # a torch of the user's own stays in reach when HOME is another
    if scratch is None:
        return {**env, "CUDA_CACHE_DISABLE": "1"}
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "CUDA_CACHE_PATH", "TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    return {**env, **dict.fromkeys(places, scratch)}


def supervise(options: argparse.Namespace) -> int:
    """All of a mode: starts the children, carries lines, and leaves nothing behind."""
    gpus = [] if options.device == "cpu" else visible_gpus()
    if options.device == "auto" and gpus:
        options.device = "cuda"
    count = options.gpus or min(len(gpus), MAX_GPUS) or 1
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    children: list[Child] = []
    scratch = None
    try:
        scratch = scratch_folder()
        env = environment(scratch)
        for g in range(count):  # a GPU that is not there gets a name that is none: its process says so
            mine = {**env, "CUDA_VISIBLE_DEVICES": gpus[g] if g < len(gpus) else ""}
            children.append(Child(g, options, mine))
        return Parent(children, options.mode == "serve").run()
    except BrokenPipeError:
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for child in children:
            child.process.kill()
        for child in children:
            child.process.wait()
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def scratch_folder() -> str | None:
    try:
        return tempfile.mkdtemp(prefix="proof-")
    except OSError:
        return None  # nowhere to write: then nothing is written


def count_of(text: str) -> int:
    value = int(text)
    if not 1 <= value <= MAX_GPUS:
        raise argparse.ArgumentTypeError(f"1 to {MAX_GPUS}")
    return value


def main() -> int:
    modes = ("info", "serve", "selftest", "bench")
    parser = argparse.ArgumentParser(description="Proof of GPU: the part that runs on the host.")
    parser.add_argument("mode", nargs="?", choices=modes)
    parser.add_argument("--mode", dest="named", choices=modes, help="the same")
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--gpus", type=count_of, help="how many; all there are, if not said")
    parser.add_argument("--n", type=int, help="bench: rows of the matrices, a power of two")
    parser.add_argument("--K", type=int, help="bench: states to keep")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.mode = options.mode or options.named
    if options.mode is None:
        parser.error("say a mode: " + ", ".join(modes))
    return supervise(options) if options.worker is None else work(options)


if __name__ == "__main__":
    settle()
    sys.exit(main())
