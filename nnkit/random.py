"""Random draws as a pure function of (seed, purpose, counters): nothing to carry along or save.

Every draw opens a fresh Philox stream (Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3") whose key is a hash of seed and purpose and whose counter says which draw it is. So a
resumed run needs no generator restored, and one purpose's draws never shift another's.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def philox(seed: int, purpose: str, *counters: int) -> np.random.Philox:
    """The raw bit stream for one draw.

    Args:
        seed: the run's seed, any integer.
        purpose: what the draw is for, such as `shuffle` or `initial/layers.0.W`.
        counters: up to three non-negative integers, such as the epoch, or step and layer.
    """
    digest = blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()
    # The lowest word of Philox's counter runs within the stream; ours are the words above it.
    counter = np.zeros(4, dtype=np.uint64)
    counter[1 : 1 + len(counters)] = counters
    return np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64), counter=counter)


def generator(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """A NumPy generator over the same stream as `philox`."""
    return np.random.Generator(philox(seed, purpose, *counters))
