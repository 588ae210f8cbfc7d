"""Measures encoders and decoders with attention, beside PyTorch and JAX, in training and decoding.

The networks reverse sequences of 1 to 25 symbols: embeddings of 16 numbers, a bidirectional LSTM
of 64 units, an LSTM of 64 units, general attention, and a dense layer. Training is the loss and
its gradient for batches of similar lengths, without the update; decoding takes 1,000 sequences at
a time. `python -m benchmarks.translation_speed` needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.machine import machine
from benchmarks.peers.torch_translation import Reverser, tensors
from nnkit.nn.architecture import Activations, Architecture
from nnkit.nn.form import Form
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.numerics import numerics
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.seq2seq.encoder_decoder import build_encoder_decoder
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel

SYMBOLS, START, END = 54, 0, 1
CONTENDERS = 3  # in training
BATCHES, LONGEST, SENTENCES = 32, 25, 1000


class Pairs(NamedTuple):
    """A batch of sequences (T, N) and the same from back to front, each followed by the end."""

    sources: Array
    targets: Array
    lengths: Array

    @property
    def tokens(self) -> int:
        """The number of symbols in the targets."""
        return int(np.add.reduce(self.lengths + 1))


def batches(samples: int) -> list[Pairs]:
    """Batches of so many sequences, sorted by length."""
    rng = np.random.default_rng(0)
    lengths = np.sort(rng.integers(1, LONGEST + 1, BATCHES * samples)).reshape(BATCHES, samples)
    return [pairs(own, rng) for own in lengths]


def pairs(lengths: Array, rng: np.random.Generator) -> Pairs:
    """Random sequences of these lengths."""
    X = rng.integers(4, SYMBOLS, (lengths.max(), len(lengths)), dtype=np.int32)
    T = np.full((len(X) + 1, len(lengths)), END, np.int32)
    for n, length in enumerate(lengths):
        T[:length, n] = X[:length, n][::-1]
    return Pairs(X, T, lengths)


class Nnkit:
    """The network in nnkit."""

    def __init__(self, feeding: bool, threads: int) -> None:
        architecture = Architecture.model_validate(
            {
                "encoder": [{"embedding": 16}, {"lstm": {"units": 64, "bidirectional": True}}],
                "decoder": [
                    {"embedding": 16},
                    {"lstm": 64},
                    {"attention": {"score": "general", "input_feeding": feeding}},
                    {"dense": "auto"},
                ],
            }
        )
        form = Form(SYMBOLS, (None,), ids=True)
        loss = CrossEntropy()
        parts = build_encoder_decoder(architecture, Activations(), loss, form, SYMBOLS)
        self.model = Seq2SeqModel(parts, loss, START, 0, "float32")
        self.model.execution = Execution(threads=threads)

    def train(self, found: Sequence[Pairs]) -> None:
        """Computes the loss and gradient of each batch."""
        for X, T, lengths in found:
            now = Pass(lengths=lengths, target_lengths=lengths + 1)
            self.model.network(X.shape[1]).loss_and_gradient(X, T, now)

    def write(self, found: Pairs) -> None:
        """Writes as many symbols for each source as its target has, always the most probable."""
        state, left = self.model.begin(found.sources, found.lengths), found.lengths + 1
        symbols = np.full(len(left), START)
        while len(left):
            log_probabilities, _, state = self.model.step(state, symbols)
            symbols, left = log_probabilities.argmax(axis=0), left - 1
            going = np.flatnonzero(left)
            if len(going) < len(left):
                state, symbols, left = state.select(going), symbols[going], left[going]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.translation_speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each; 7")
    parser.add_argument("--threads", type=int, default=1, help="1, of which processor time counts")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    os.environ["PJRT_NPROC"] = str(given.threads)  # of XLA, before JAX is imported
    from benchmarks.peers import jax_translation

    clock = process_time if given.threads == 1 else perf_counter
    versions = f"PyTorch {torch.__version__}, JAX {version('jax')}"
    print(f"{machine()['cpu']}, threads: {given.threads}, {versions}\n")
    print("| | sequences a batch | nnkit | PyTorch | JAX | ratio to the faster |")
    print("|---|---:|---:|---:|---:|---:|")
    with threadpool_limits(given.threads), numerics():
        for feeding in (False, True):
            mark = ", input feeding" if feeding else ""
            ours, theirs = Nnkit(feeding, given.threads), Reverser(SYMBOLS, feeding)
            compiled = jax_translation.Reverser(SYMBOLS, feeding)
            for samples in (32, 64, 128):
                found = batches(samples)
                tokens = sum(each.tokens for each in found)
                prepared = [tensors(each) for each in found]
                of_jax = [jax_translation.padded(each) for each in found]
                report(
                    f"training{mark}, target symbols/s", samples, tokens, given.rounds, clock,
                    partial(ours.train, found), partial(theirs.learn, prepared),
                    partial(compiled.learn, of_jax),
                )  # fmt: skip
            rng = np.random.default_rng(1)
            many = pairs(rng.integers(1, LONGEST + 1, SENTENCES), rng)
            X, _, lengths = tensors(many)
            report(
                f"greedy decoding{mark}, sequences/s", SENTENCES, SENTENCES, given.rounds, clock,
                partial(ours.write, many), partial(theirs.write, X, lengths),
            )  # fmt: skip


def report(
    what: str,
    samples: int,
    units: int,
    rounds: int,
    clock: Callable[[], float],
    *contenders: Callable[[], Any],
) -> None:
    """Prints the units a second of the contenders, which take turns, and the first one's ratio."""
    for work in contenders:
        work()  # warm up
    taken = [[seconds(work, clock) for work in contenders] for _ in range(rounds)]
    speeds = [f"{units / median(times):,.0f}" for times in zip(*taken, strict=True)]
    ratio = median(min(theirs) / ours for ours, *theirs in taken)
    cells = [what, str(samples), *speeds, *["–"] * (CONTENDERS - len(speeds)), f"{ratio:.2f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def seconds(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    """The time that some work takes."""
    began = clock()
    work()
    return clock() - began


if __name__ == "__main__":
    main()
