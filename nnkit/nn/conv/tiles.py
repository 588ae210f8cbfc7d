"""Compiled sums of products that stay in registers, for convolution.

Writing a sum to memory and reading it back for each of its terms takes several times as long as the
products. The two functions here that build LLVM code keep a tile of sums (several filters by
several vectors) in registers until it is complete, as kernels of matrix products do (Goto & van de
Geijn 2008, *Anatomy of high-performance matrix multiplication*). numba compiles them with the plain
Python code that calls them. The callers are in the same file because numba invalidates its cache
only when the file of the compiled function changes. Importing this module imports numba.

A run is a contiguous stretch of memory: one entry of all windows of an output row, over all
samples. Arrays are C-ordered:

    X   (channels, *padded positions, N), flat
    W   (filters, channels · taps)
    Z   (filters, rows, run), an output row a run
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nnkit.compiled import vector_registers

INDEX = ir.IntType(64)
LANE = ir.IntType(32)
FUSED = ("contract",)  # allows fused multiply-add
CHUNK = 96  # vectors of one or more runs that stay in the L1 cache for all filters

BYTES, REGISTERS = vector_registers()
VECTORS = 2 if REGISTERS == 32 else 1  # vectors of samples and positions in a tile of outputs
OUTPUTS = 12  # most filters in such a tile; with the vectors read they fill the registers
PRODUCTS = 24 if REGISTERS == 32 else 12  # most sums in a tile of the weight gradient
ENTRIES = 6 if REGISTERS == 32 else 4  # most entries of a window in that tile


def lanes(dtype: np.dtype[Any]) -> int:
    """The number of values that a vector register holds."""
    return BYTES // dtype.itemsize


def block(count: int, most: int) -> int:
    """The best block size, at most `most`, to split a count: few blocks and little overlap."""
    sizes = range(min(count, most), 0, -1)
    return min(sizes, key=lambda size: ceil(count / size) * (size + 1))


def pack(tile: Any, W: Any, packed: Any) -> None:
    """Writes the weights into `packed` in the order of `correlate`: tiles, terms, filters."""
    filters, taps = W.shape
    size, i = len(tile), 0
    for first in range(0, filters, size):
        f = min(first, filters - size)
        for k in range(taps):
            for r in range(size):
                packed[i] = W[f + r, k]
                i += 1


def correlate(
    tile: Any,
    width: int,
    top: int,
    bottom: int,
    X: Any,
    packed: Any,
    b: Any,
    offsets: Any,
    step: int,
    Z: Any,
) -> None:
    """Writes Z[f, y] = b[f] + Σ_k W[f, k] · (run k of row y), for rows from top to bottom.

    If the filters or the run are not a multiple of a tile, the last tile recomputes some outputs.
    """
    filters, rows, length = Z.shape
    taps, size, area = offsets.size, len(tile), rows * length
    z = Z.reshape(-1)
    for y in range(top, bottom):
        for start in range(0, length, width):
            t = min(start, length - width)
            w = 0
            for first in range(0, filters, size):
                f = min(first, filters - size)
                place = f * area + y * length + t
                sum_runs(tile, X, y * step + t, offsets, 0, taps, packed, w, b, f, z, place, area)
                w += taps * size


def pack_back(tile: Any, W: Any, packed: Any) -> None:
    """Writes W into `packed` in the order of `correlate_back`: channel tiles, terms (i, f, j)."""
    filters, channels, height, across = W.shape
    size, at = len(tile), 0
    for first in range(0, channels, size):
        c = min(first, channels - size)
        for i in range(height):
            for f in range(filters):
                for j in range(across):
                    for r in range(size):
                        packed[at] = W[f, c + r, i, j]
                        at += 1


def correlate_back(
    tile: Any,
    width: int,
    top: int,
    bottom: int,
    dZ: Any,
    packed: Any,
    offsets: Any,
    height: int,
    dilation: int,
    before: Any,
    dX: Any,
) -> None:
    """Writes dX[c, y] = Σ W[f, c, i, j] · dZ[f, y − i, · − j], for rows from top to bottom.

    dZ is (filters, rows, columns, N) with zeros on both sides, and dX (channels, rows, run).
    """
    _, count, columns, batch = dZ.shape
    channels, rows, length = dX.shape
    size, area, each = len(tile), rows * length, offsets.size // height
    none = np.zeros(size, dX.dtype)
    d, x = dZ.reshape(-1), dX.reshape(-1)
    for y in range(top, bottom):
        lowest = max(0, -((count - 1 - y - before[0]) // dilation))  # no row after the last
        highest = min(height - 1, (y + before[0]) // dilation)  # no row before the first
        skipped, taps = lowest * each, (highest - lowest + 1) * each
        if taps <= 0:
            dX[:, y] = 0
            continue
        at = ((y + before[0]) * columns + before[1]) * batch
        for start in range(0, length, width):
            t = min(start, length - width)
            w = skipped * size
            for first in range(0, channels, size):
                place = min(first, channels - size) * area + y * length + t
                sum_runs(
                    tile, d, at + t, offsets, skipped, taps, packed, w, none, 0, x, place, area
                )
                w += offsets.size * size


def multiply(
    tile: Any,
    entries: Any,
    lanes: int,
    top: int,
    bottom: int,
    X: Any,
    dZ: Any,
    offsets: Any,
    step: int,
    dW: Any,
    sums: Any,
) -> None:
    """Writes dW[f, k] = Σ_y (dZ[f, y] · run k of row y), over rows from top to bottom."""
    filters, rows, length = dZ.shape
    taps, size, wide, area = offsets.size, len(tile), len(entries), rows * length
    each = (size * wide + lanes - 1) // lanes * lanes
    vectors = length // lanes
    together = max(1, CHUNK // max(1, vectors))  # rows at a time
    d = dZ.reshape(-1)
    sums[:] = 0
    for y in range(top, bottom, together):
        beside = min(together, bottom - y)
        for part in range(0, vectors, CHUNK):
            count, at, s = min(CHUNK, vectors - part), part * lanes, 0
            for left in range(0, taps, wide):
                k = min(left, taps - wide)
                for first in range(0, filters, size):
                    place = min(first, filters - size) * area + y * length + at
                    multiply_runs(
                        tile,
                        entries,
                        d,
                        place,
                        area,
                        length,
                        X,
                        y * step + at,
                        step,
                        offsets,
                        k,
                        beside,
                        count,
                        sums,
                        s,
                    )
                    s += each
    s = 0
    for left in range(0, taps, wide):
        k = min(left, taps - wide)
        for first in range(0, filters, size):
            f = min(first, filters - size)
            for r in range(size):
                for e in range(wide):
                    dW[f + r, k + e] = sums[s + r * wide + e]
            s += each
    for f in range(filters):
        for k in range(taps):
            for y in range(top, bottom):
                for t in range(vectors * lanes, length):  # the rest, which does not fill a vector
                    dW[f, k] += dZ[f, y, t] * X[y * step + offsets[k] + t]


def emitted(build: Callable[..., Any]) -> Callable[..., None]:
    """Wraps `build`, which generates LLVM code, as an intrinsic for compiled code to call.

    The type of the result omits the context, which numba passes to `build`; numba itself is
    untyped.
    """
    call: Callable[..., None] = intrinsic(build)
    return call


@emitted
def sum_runs(
    _context: Any,
    tile: Any,
    X: Any,
    x: Any,
    offsets: Any,
    first: Any,
    count: Any,
    W: Any,
    w: Any,
    b: Any,
    at: Any,
    Z: Any,
    z: Any,
    step: Any,
) -> Any:
    """Z[z + r·step + t] = b[at + r] + Σ_k W[w + k·R + r] · X[x + offsets[first + k] + t].

    For the R filters r of the tile, `count` terms k, and t over `VECTORS` vectors.
    """
    size = len(tile)

    def emit(context: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
        memory = _Memory(context, builder, signature, values)
        _, _, x, _, first, count, _, w, _, at, _, z, step = values
        X, offsets, W, b, Z = (memory.array(place) for place in (1, 3, 6, 8, 10))
        places = [INDEX(v * X.lanes) for v in range(VECTORS)]

        def terms(k: Any, sums: Sequence[Any]) -> list[Any]:
            start = builder.add(x, offsets.number(builder.add(first, k)))
            runs = [X.vector(builder.add(start, place)) for place in places]
            weights = builder.add(w, builder.mul(k, INDEX(size)))
            spread = [W.spread(builder.add(weights, INDEX(r))) for r in range(size)]
            pairs = product(spread, runs)
            return [
                _add_product(builder, *pair, total) for pair, total in zip(pairs, sums, strict=True)
            ]

        starts = [b.spread(builder.add(at, INDEX(r))) for r in range(size) for _ in places]
        sums = iter(_repeat(builder, count, starts, terms))
        for r in range(size):
            row = builder.add(z, builder.mul(step, INDEX(r)))
            for place in places:
                Z.store(next(sums), builder.add(row, place))
        return context.get_dummy_value()

    arguments = (tile, X, x, offsets, first, count, W, w, b, at, Z, z, step)
    return _signature(arguments), emit


@emitted
def multiply_runs(
    _context: Any,
    tile: Any,
    entries: Any,
    dZ: Any,
    z: Any,
    step: Any,
    down: Any,
    X: Any,
    x: Any,
    below: Any,
    offsets: Any,
    first: Any,
    rows: Any,
    count: Any,
    sums: Any,
    s: Any,
) -> Any:
    """sums[s + r·E + e] += Σ_{y,t} dZ[z + r·step + y·down + t] · X[x + o(e) + y·below + t].

    For the R filters r of the tile, its E entries e with o(e) = offsets[first + e], `rows` rows y,
    and t over `count` vectors.
    """
    size, wide = len(tile), len(entries)

    def emit(context: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
        memory = _Memory(context, builder, signature, values)
        _, _, _, z, step, down, _, x, below, _, first, rows, count, _, s = values
        dZ, X, offsets, sums = (memory.array(place) for place in (2, 6, 9, 13))
        gradients = [builder.add(z, builder.mul(step, INDEX(r))) for r in range(size)]
        inputs = [builder.add(x, offsets.number(builder.add(first, INDEX(e)))) for e in range(wide)]

        def row(y: Any, totals: Sequence[Any]) -> list[Any]:
            lower, further = builder.mul(y, down), builder.mul(y, below)

            def terms(k: Any, totals: Sequence[Any]) -> list[Any]:
                t = builder.mul(k, INDEX(X.lanes))
                left, right = builder.add(lower, t), builder.add(further, t)
                pairs = product(
                    [dZ.vector(builder.add(place, left)) for place in gradients],
                    [X.vector(builder.add(place, right)) for place in inputs],
                )
                return [
                    _add_product(builder, *pair, total)
                    for pair, total in zip(pairs, totals, strict=True)
                ]

            return _repeat(builder, count, totals, terms)

        totals = _repeat(builder, rows, [X.zero] * (size * wide), row)
        totals += [X.zero] * (-len(totals) % X.lanes)
        for start in range(0, len(totals), X.lanes):
            place = builder.add(s, INDEX(start))
            total = _sum_each(builder, totals[start : start + X.lanes])
            sums.store(builder.fadd(sums.vector(place), total), place)
        return context.get_dummy_value()

    arguments = (
        tile,
        entries,
        dZ,
        z,
        step,
        down,
        X,
        x,
        below,
        offsets,
        first,
        rows,
        count,
        sums,
        s,
    )
    return _signature(arguments), emit


def _signature(arguments: Sequence[Any]) -> Any:
    whole = [types.intp if isinstance(kind, types.Integer) else kind for kind in arguments]
    return types.void(*whole)


class _Memory:
    """The arrays among an intrinsic's arguments."""

    def __init__(self, context: Any, builder: Any, signature: Any, values: Sequence[Any]) -> None:
        self.context, self.builder, self.signature, self.values = (
            context,
            builder,
            signature,
            values,
        )

    def array(self, place: int) -> _Array:
        kind = self.signature.args[place]
        array = self.context.make_array(kind)(self.context, self.builder, self.values[place])
        return _Array(self.builder, array.data, kind.dtype.bitwidth // 8)


class _Array:
    """An array in memory, accessed by the index of the first number."""

    def __init__(self, builder: Any, data: Any, itemsize: int) -> None:
        self.builder, self.data, self.itemsize = builder, data, itemsize
        self.lanes = BYTES // itemsize
        self.kind = ir.VectorType(ir.FloatType() if itemsize == 4 else ir.DoubleType(), self.lanes)
        self.zero = ir.Constant(self.kind, [0.0] * self.lanes)

    def number(self, index: Any) -> Any:
        return self.builder.load(self.builder.gep(self.data, [index]))

    def vector(self, index: Any) -> Any:
        return self.builder.load(self._pointer(index), align=self.itemsize)

    def store(self, vector: Any, index: Any) -> None:
        self.builder.store(vector, self._pointer(index), align=self.itemsize)

    def spread(self, index: Any) -> Any:
        """A vector with the same number in all lanes."""
        one = self.builder.insert_element(self.zero, self.number(index), LANE(0))
        return self.builder.shuffle_vector(one, self.zero, _lanes([0] * self.lanes))

    def _pointer(self, index: Any) -> Any:
        place = self.builder.gep(self.data, [index])
        return self.builder.bitcast(place, self.kind.as_pointer())


def _lanes(indices: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(LANE, len(indices)), list(indices))


def _add_product(builder: Any, a: Any, b: Any, total: Any) -> Any:
    return builder.fadd(total, builder.fmul(a, b, FUSED), FUSED)


def _repeat(
    builder: Any, count: Any, starts: Sequence[Any], body: Callable[[Any, Sequence[Any]], list[Any]]
) -> list[Any]:
    """Emits a loop over k from 0 to `count`, run at least once; `body` returns the next values."""
    before = builder.block
    loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(INDEX)
    values = [builder.phi(start.type) for start in starts]
    results = body(k, values)
    end = builder.block
    following = builder.add(k, INDEX(1))
    for value, start, result in zip(
        [k, *values], [INDEX(0), *starts], [following, *results], strict=True
    ):
        value.add_incoming(start, before)
        value.add_incoming(result, end)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
    builder.position_at_end(after)
    return results


def _sum_each(builder: Any, vectors: Sequence[Any]) -> Any:
    """A vector whose lane i is the sum of vector i: pairs of vectors are folded into one."""
    apart, count = 1, len(vectors)
    while len(vectors) > 1:
        ours = [lane if not lane & apart else count + lane - apart for lane in range(count)]
        theirs = [lane + apart if not lane & apart else count + lane for lane in range(count)]
        vectors = [
            builder.fadd(
                builder.shuffle_vector(a, b, _lanes(ours)),
                builder.shuffle_vector(a, b, _lanes(theirs)),
            )
            for a, b in zip(vectors[::2], vectors[1::2], strict=True)
        ]
        apart *= 2
    return vectors[0]
