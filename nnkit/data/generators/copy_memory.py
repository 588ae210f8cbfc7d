"""The copy memory task: symbols are to be repeated after a long pause."""

from __future__ import annotations

from math import log

import numpy as np

from nnkit.random import generator

Pair = tuple[str, str]

SYMBOLS = "ABCDEFGH"
COPIED = 10  # symbols
BLANK, GO = "-", ":"


def copy_memory(count: int, pause: int, seed: int) -> list[Pair]:
    """Samples of the copy memory task (Arjovsky, Shah & Bengio 2016, section 4.1).

    The input of T + 20 symbols is ten random ones of eight, T − 1 blanks, the sign to go on, and ten
    blanks. The target is T + 10 blanks, then the ten symbols.

    Args:
        count: the number of samples.
        pause: the length T of the pause, at least 1.
        seed: seed of the draws.
    """
    drawn = generator(seed, "copy memory").integers(0, len(SYMBOLS), (count, COPIED))
    letters = np.array(list(SYMBOLS))[drawn].astype(f"U1").view(f"U{COPIED}")[:, 0].tolist()
    rest = BLANK * (pause - 1) + GO + BLANK * COPIED
    wait = BLANK * (pause + COPIED)
    return [(symbols + rest, wait + symbols) for symbols in letters]


def memoryless_loss(pause: int) -> float:
    """The least cross-entropy without memory, in nats a symbol: 10 ln 8 / (T + 20)."""
    return COPIED * log(len(SYMBOLS)) / (pause + 2 * COPIED)
