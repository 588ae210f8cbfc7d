"""Converts short decimal numbers, such as -12.5, eight characters at a time.

A number of at most 16 characters is in two 64-bit words that end where the number ends. Eight
digits in a word become their value in three multiplications (D. Lemire, Number parsing at a
gigabyte per second, Software: Practice and Experience 51, 2021). The digits without their point,
and the power of ten by which they are divided, are exact in float64, so that the quotient is
rounded correctly (W. D. Clinger, How to read floating point numbers accurately, PLDI 1990).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
WORD = 8  # characters
WINDOW = 2 * WORD  # characters of the longest number
EXACT = 1 << 53  # whole numbers up to it are exact in float64


def _repeated(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte]) * WORD, "little"))


ZEROS = _repeated(ord("0"))
ONES, HIGH_BITS, POINTS = _repeated(1), _repeated(0x80), _repeated(ord("."))
ABOVE_NINE = _repeated(0x80 - ord("9") - 1)  # sets the high bit of what is above "9"
BYTE = np.uint64(8)
# Multiplied by 2**8k, the most significant byte is 7 - k: the characters after character k.
CHARACTERS_AFTER = np.uint64(sum(j << (8 * j) for j in range(WORD)))
POWERS = 10.0 ** np.arange(WINDOW + 1)
# Masks of the last n characters of a word, which are its most significant bytes.
LAST = np.array([((1 << 64) - 1) ^ ((1 << 8 * (WORD - n)) - 1) for n in range(WORD + 1)], np.uint64)


def _as_point(mark: str) -> Array:
    """A table of bytes that turns a decimal mark into a point, and a point into no number."""
    table = np.arange(256, dtype=np.uint8)
    table[ord(".")] = ord("x")
    table[ord(mark)] = ord(".")
    return table


DECIMAL_MARKS = {",": _as_point(",")}


def decimals(text: bytes, starts: Array, ends: Array, point: str) -> tuple[Array, Array]:
    """Converts decimal numbers.

    Args:
        text: text with at least `WINDOW` bytes before the first number.
        starts: where each number begins, (n,).
        ends: where each number ends, (n,).
        point: the decimal mark.

    Returns:
        The numbers, (n,), and which of them are valid: the others are too long or not decimal.
    """
    data = np.frombuffer(text, np.uint8)
    negative = data[starts] == ord("-")
    lengths = ends - starts - negative
    short = int(lengths.max(initial=0)) <= WORD
    # Little-endian words: the first character is the least significant byte.
    windows = np.ndarray((len(text) - WORD + 1,), "<V8", text, strides=(1,))
    low = windows[ends - WORD].view("<u8")
    if point != ".":
        low = _with_points(low, point)
    low = _blanked(low, lengths)
    fraction, low_point = _point(low)
    digits = lengths - low_point
    if short:
        low = np.where(low_point, _without(low, fraction), low)
        valid = _are_digits(low)
        mantissa = _value(low)
    else:
        high = windows[ends - WINDOW].view("<u8")
        if point != ".":
            high = _with_points(high, point)
        high = _blanked(high, lengths - WORD)
        high_fraction, high_point = _point(high)
        carried = high >> np.uint64(56)
        low = np.where(low_point, _without(low, fraction) & ~np.uint64(0xFF) | carried, low)
        high = np.where(
            low_point,
            high << BYTE | np.uint64(ord("0")),
            np.where(high_point, _without(high, high_fraction), high),
        )
        valid = _are_digits(low) & _are_digits(high) & (lengths <= WINDOW)
        mantissa = _value(high) * np.uint64(10**WORD) + _value(low)
        valid &= mantissa <= EXACT
        only_high = high_point & ~low_point
        fraction = np.where(only_high, high_fraction + np.uint64(WORD), fraction)
        digits -= only_high
    valid &= digits > 0
    values = mantissa.astype(np.float64)
    values /= POWERS[fraction.astype(np.intp)]
    np.negative(values, out=values, where=negative)
    return values, valid


def _with_points(words: Array, mark: str) -> Array:
    return DECIMAL_MARKS[mark][words.view(np.uint8)].view("<u8")


def _blanked(words: Array, lengths: Array) -> Array:
    """Replaces what is before the last `lengths` characters by zeros."""
    mask = LAST[np.clip(lengths, 0, WORD)]
    return words & mask | ZEROS & ~mask


def _point(words: Array) -> tuple[Array, Array]:
    """The number of characters after a point, 0 without one, and whether there is one."""
    others = words ^ POINTS
    found = (others - ONES) & ~others & HIGH_BITS
    has_point = found != 0
    after = ((found >> np.uint64(7)) * CHARACTERS_AFTER) >> np.uint64(56)
    return after & np.uint64(WORD - 1), has_point


def _without(words: Array, after: Array) -> Array:
    """Removes the character that has `after` characters behind it; a zero comes in at the front."""
    behind = LAST[after.astype(np.intp)]
    before = ~behind >> BYTE
    return words & behind | (words & before) << BYTE | np.uint64(ord("0"))


def _are_digits(words: Array) -> Array:
    valid: Array = ((words + ABOVE_NINE) | (words - ZEROS)) & HIGH_BITS == 0
    return valid


def _value(words: Array) -> Array:
    """The values of words of eight digits."""
    words = words - ZEROS
    words = words * np.uint64(10) + (words >> BYTE)  # pairs of digits, in every second byte
    pairs = np.uint64(0x000000FF000000FF)
    first = (words & pairs) * np.uint64(100 + (1_000_000 << 32))
    second = (words >> np.uint64(16) & pairs) * np.uint64(1 + (10_000 << 32))
    value: Array = (first + second) >> np.uint64(32)
    return value
