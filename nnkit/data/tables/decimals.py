"""Converts decimal numbers, such as -12.5, by the compiled kernels or eight characters at a time.

Both give the same bits. With NumPy, a number is in one, two or three 64-bit words, of which the
last ends where the number ends. Eight digits in a word become their value in three multiplications
(D. Lemire, Number parsing at a gigabyte per second, Software: Practice and Experience 51, 2021).
The digits without their point are a whole number, which is divided by a power of ten. Where both
are exact in float64, the quotient is rounded correctly (W. D. Clinger, How to read floating point
numbers accurately, PLDI 1990). Of longer numbers, the quotient is corrected by its remainder (T. J.
Dekker, A floating-point technique for extending the available precision, Numerische Mathematik 18,
1971).
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_char, c_char_p, c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.native.library import library

Array = NDArray[Any]
WORD = 8  # characters
MOST_WORDS = 3
WINDOW = MOST_WORDS * WORD  # characters of the longest number
BLOCK = 1 << 14  # numbers converted at a time, whose intermediate results fit the cache
EXACT = 1 << 53  # whole numbers up to it are exact in float64
MOST_DIGITS = 900 * 10**16  # whole numbers below it fit 64 bits, whatever their last 16 digits
POWERS = 10.0 ** np.arange(23)  # those that are exact in float64


def _repeated(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte]) * WORD, "little"))


# Digits are the bytes 0 to 9 once they are combined with these zeros by an exclusive or.
ZEROS, ONES, HIGH_BITS = _repeated(ord("0")), _repeated(1), _repeated(0x80)
ABOVE_NINE = _repeated(0x80 - 10)  # sets the high bit of a byte above 9
BYTE = np.uint64(8)  # bits
WIDTH = np.uint64(64)  # bits of a word; a shift by so many leaves zero
# Multiplied by 2**8k, the most significant byte is 7 - k: the characters after character k.
CHARACTERS_AFTER = np.uint64(sum(j << (8 * j) for j in range(WORD)))


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
    compiled = _compiled()
    if compiled is None:
        return decimals_by_numpy(text, starts, ends, point)
    values, valid = np.empty(len(starts)), np.empty(len(starts), dtype=bool)
    bounds = [np.ascontiguousarray(places, dtype=np.int64) for places in (starts, ends)]
    pointers = [array.ctypes.data for array in (*bounds, values, valid)]
    compiled(text, *pointers[:2], len(starts), point.encode(), *pointers[2:])
    return values, valid


@cache
def _compiled() -> Callable[..., None] | None:
    """The compiled function; None where there are no compiled kernels."""
    loaded = library()
    if loaded is None:
        return None
    function = loaded.functions.nnkit_decimals
    function.restype = None
    function.argtypes = (
        *(c_char_p, c_void_p, c_void_p, c_int64, c_char),
        *(c_void_p, c_void_p),
    )
    found: Callable[..., None] = function
    return found


def decimals_by_numpy(text: bytes, starts: Array, ends: Array, point: str) -> tuple[Array, Array]:
    """Converts decimal numbers as `decimals` does, with NumPy."""
    data = np.frombuffer(text, np.uint8)
    # Little-endian words: the first character is the least significant byte.
    windows = np.ndarray((len(text) - WORD + 1,), "V8", text, strides=(1,))
    mark = _repeated(ord(point) ^ ord("0"))
    values, valid = np.empty(len(starts)), np.empty(len(starts), dtype=bool)
    for first in range(0, len(starts), BLOCK):
        block = slice(first, first + BLOCK)
        negative = data[starts[block]] == ord("-")
        lengths = ends[block] - starts[block]
        lengths -= negative
        longest = min(max(int(lengths.max()), 1), WINDOW)
        words = [
            _word(windows, ends[block], lengths, i) for i in range((longest + WORD - 1) // WORD)
        ]
        fraction, points = _remove_points(words, mark)
        values[block], valid[block] = _quotients(words, fraction)
        valid[block] &= lengths <= WINDOW
        valid[block] &= lengths > points
        np.negative(values[block], out=values[block], where=negative)
    return values, valid


def _word(windows: Array, ends: Array, lengths: Array, index: int) -> Array:
    """Eight characters of each number less "0", counted from its end; zero before its beginning."""
    word: Array = windows[ends - WORD * (index + 1)].view("<u8")
    word ^= ZEROS
    before = WORD * (WORD * (index + 1) - lengths)  # bits
    shift = np.maximum(before, 0, out=before).view(np.uint64)
    word >>= shift
    word <<= shift
    return word


def _remove_points(words: list[Array], mark: np.uint64) -> tuple[Array | np.uint64, Array | int]:
    """Removes the decimal mark from numbers, in place: what is before it moves on by a character.

    Returns:
        The number of characters after the mark, and the number of marks that were removed.
    """
    fraction: Array | np.uint64 = np.uint64(0)
    points: Array | int = 0
    shift: Array | None = None  # bits by which the characters before the mark move
    for i, word in enumerate(words):
        if shift is not None:
            words[i - 1] |= word >> (WIDTH - shift)
        point = _marks(word, mark)
        found = point != 0
        if found.any():
            after = point * CHARACTERS_AFTER
            after >>= np.uint64(56)
            count = found.astype(np.uint64)
            after += count * np.uint64(WORD * i)
            fraction = fraction + after
            points = points + count.view(np.int64)
            count <<= np.uint64(3)
            shift = count if shift is None else shift | count
            behind = word & -(point << BYTE)  # nothing without a mark
            point -= np.uint64(1)
            word &= point
            word <<= shift
            word |= behind
        elif shift is not None:
            word <<= shift
    return fraction, points


def _marks(words: Array, mark: np.uint64) -> Array:
    """The lowest bit of each byte that is a decimal mark.

    A byte after a mark may be taken for one, too, but is no digit then.
    """
    others = words ^ mark
    found = others - ONES
    found &= ~others
    found &= HIGH_BITS
    found >>= np.uint64(7)
    return found


def _quotients(words: list[Array], fraction: Array | np.uint64) -> tuple[Array, Array]:
    """Divides the digits in words by a power of ten, and says which results are valid."""
    others = np.zeros(len(words[0]), dtype=np.uint64)
    for word in words:  # bytes that are no digits
        others |= word
        others |= word + ABOVE_NINE
    others &= HIGH_BITS
    valid = others == 0
    digits = _value(words[-1])
    if len(words) == MOST_WORDS:
        valid &= digits < np.uint64(MOST_DIGITS // 10**16)
    for word in words[-2::-1]:
        digits *= np.uint64(10**WORD)
        digits += _value(word)
    if isinstance(fraction, np.uint64):
        power = POWERS[:1]
    else:
        valid &= fraction < np.uint64(len(POWERS))
        power = POWERS[np.minimum(fraction, np.uint64(len(POWERS) - 1)).view(np.int64)]
    if len(words) == 1:
        return digits.view(np.int64) / power, valid
    values = digits.astype(np.float64)
    values /= power
    large = np.flatnonzero(valid & (digits > np.uint64(EXACT)))
    if len(large):
        power = np.broadcast_to(power, values.shape)[large]
        values[large], sure = _long_quotients(digits[large], power)
        valid[large] &= sure
    return values, valid


def _long_quotients(digits: Array, power: Array) -> tuple[Array, Array]:
    """Divides whole numbers of up to 64 bits by powers of ten.

    Returns:
        The quotients, and whether each is certainly rounded correctly.
    """
    high = digits.astype(np.float64)
    low = (digits - high.astype(np.uint64)).view(np.int64).astype(np.float64)
    quotient = high / power
    product, error = _product(quotient, power)
    correction = ((high - product) - error + low) / power
    total = quotient + correction
    # What rounding took away is half a unit in the last place at most, or half of it below a
    # power of two. A correction that is off by 2**-50 may matter close to that.
    lost = np.abs(correction - (total - quotient)) / np.spacing(total)
    sure = (np.abs(lost - 0.5) > 1e-9) & (np.abs(lost - 0.25) > 1e-9)
    return total, sure


def _product(a: Array, b: Array) -> tuple[Array, Array]:
    """The product of floats, and its rounding error (Dekker's algorithm)."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


def _halves(values: Array) -> tuple[Array, Array]:
    """Two floats of 26 bits whose sum is a float (Veltkamp's algorithm)."""
    scaled = values * (2.0**27 + 1)
    high = scaled - (scaled - values)
    return high, values - high


def _value(words: Array) -> Array:
    """The values of words of eight digits."""
    pairs = words * np.uint64(10)
    pairs += words >> BYTE  # in every second byte
    mask = np.uint64(0x000000FF000000FF)
    first = pairs & mask
    first *= np.uint64(100 + (1_000_000 << 32))
    pairs >>= np.uint64(16)
    pairs &= mask
    pairs *= np.uint64(1 + (10_000 << 32))
    pairs += first
    pairs >>= np.uint64(32)
    return pairs
