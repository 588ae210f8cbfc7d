"""Random draws as a pure function of (seed, purpose, counters), without state to save.

Every draw uses a new Philox stream (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3"). Its key is a hash of seed and purpose; its counter identifies the draw. A resumed run
therefore needs no generator state, and draws for one purpose do not affect those for another.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def philox(seed: int, purpose: str, *counters: int) -> np.random.Philox:
    """The bit generator for one draw.

    Args:
        seed: the run's seed, any integer.
        purpose: the purpose of the draw, such as `shuffle` or `initial/layers.0.W`.
        counters: up to three non-negative integers, such as the epoch, or step and layer.
    """
    # The lowest word of Philox's counter advances within the stream; ours are the words above it.
    counter = np.zeros(4, dtype=np.uint64)
    counter[1 : 1 + len(counters)] = counters
    return np.random.Philox(key=philox_key(seed, purpose), counter=counter)


def philox_key(seed: int, purpose: str) -> NDArray[np.uint64]:
    """The key of the draws for one purpose, two words."""
    digest = blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype=np.uint64)


def generator(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """The NumPy generator for one draw, based on the stream of `philox`."""
    return np.random.Generator(philox(seed, purpose, *counters))
