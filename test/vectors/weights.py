#!/usr/bin/env python3
"""Scores to u16 weights as Bittensor's own SDK makes them. Needs `pip install 'bittensor<11'` (vectors made with 10.5.0).

    python test/vectors/weights.py > test/vectors/weights.json && npx prettier --write test/vectors/weights.json
    python test/vectors/weights.py 5000 > more.json                      # so many generated ones instead of a few
"""

import json
import math
import random
import sys

import bittensor
import numpy
from bittensor.utils.weight_utils import convert_weights_and_uids_for_emit

MAX = 65535
HAND = [
    [0], [1], [0, 0, 0], [1, 1, 1], [1, 2, 4], [5e-324, 5e-324], [5e-324, 1], [1e308, 1e308, 1e-308], [1.7976931348623157e308, 1],
    # Halves of the last place go to the even number, just beside them to the nearer one.
    [0.5, MAX], [1.5, MAX], [2.5, 3.5, 32766.5, 32767.5, 65533.5, 65534.5, MAX],
    [math.nextafter(0.5, 0), math.nextafter(0.5, 1), math.nextafter(2.5, 3), math.nextafter(2.5, 2), MAX],
    [1 / 3, 2 / 3, 1 / 7], [0.1, 0.2, 0.3], [1 / 131070, 3 / 131070, 5 / 131070, 1], [1e-9, 1], [7.6e-6, 7.7e-6, 1], [-0.0, 1],
    list(range(256)), [1] * 256,
]


def generated(rng: random.Random) -> list[float]:
    n = rng.choice([1, 2, 3, 10, 64, 256])
    kind = rng.randrange(7)
    if kind == 0:
        return [rng.random() for _ in range(n)]
    if kind == 1:  # halves exactly
        return [rng.randrange(MAX) + 0.5 for _ in range(n)] + [float(MAX)]
    if kind == 2:  # halves of another largest
        most = rng.choice([1.0, 100.0, 3.7, 1e-300, 1e300])
        return [(rng.randrange(MAX) + 0.5) * most / MAX for _ in range(n)] + [most]
    if kind == 3:  # of every size
        return [math.ldexp(rng.random(), rng.randrange(-1074, 1000)) for _ in range(n)]
    if kind == 4:  # mostly nothing
        return [rng.random() if rng.random() < 0.1 else 0.0 for _ in range(n)]
    if kind == 5:  # as 32-bit floats, in which the SDK keeps what it gets as a list
        return [float(numpy.float32(rng.random() * 100)) for _ in range(n)]
    return [rng.random()] * n  # equal


def vector(rng: random.Random, scores: list[float]) -> dict:
    uids = sorted(rng.sample(range(256), min(len(scores), 256)))
    scores = [float(s) for s in scores[: len(uids)]]
    kept, values = convert_weights_and_uids_for_emit(numpy.array(uids, dtype=numpy.int64), numpy.array(scores, dtype=numpy.float64))
    return {"uids": uids, "scores": scores, "kept": kept, "values": values}


rng = random.Random(5)
count = int(sys.argv[1]) if len(sys.argv) > 1 else 24
given = HAND + [generated(rng) for _ in range(count)]
# The committed file stays small.
few = given if count > 24 else [scores for scores in given if len(scores) <= 64 or scores in HAND]
json.dump({"sdk": bittensor.__version__, "vectors": [vector(rng, scores) for scores in few]}, sys.stdout, separators=(",", ":"))
print()
