"""A set of samples, prepared for a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnkit.data.augment import Augmentation
from nnkit.data.batches import Batch, Batches, total_weight
from nnkit.data.dataset import Samples
from nnkit.data.lazy import LazyArray
from nnkit.data.ordering import FULL_SHUFFLE, Ordering
from nnkit.data.ragged import Ragged
from nnkit.data.sequence_batches import SequenceBatches, batch_weight
from nnkit.data.stream_batches import StreamBatches
from nnkit.data.text.references import ReferencedSources, collect_references
from nnkit.decoding import AnyDecoding
from nnkit.nn.batch_axis import batch_last
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.recurrent.states import LayerState, States
from nnkit.ranks import ALONE, Ranks
from nnkit.task.sequence_coding import SequenceCoding
from nnkit.task.targets import AnyTargets, SequenceTargets

AnyBatches = Batches | SequenceBatches | StreamBatches
MOST_TOKENS = 1 << 14  # symbols in a batch outside training
MOST_OUTPUTS = 1 << 24  # outputs for them, of which a large vocabulary has many for each symbol


@dataclass(frozen=True, slots=True)
class Writing:
    """Texts that a network with a decoder is to write.

    Attributes:
        pairs: the texts that it reads, as inputs, and those that it should write, as targets.
        coding: the vocabularies.
        method: the method that chooses symbols; None for the usual one.
    """

    pairs: Samples
    coding: SequenceCoding
    method: AnyDecoding | None = None

    def references(self) -> ReferencedSources:
        """The different sources, each with all of its targets as references."""
        coding = self.coding
        assert coding.targets is not None
        return collect_references(
            self.pairs.inputs[:].tolist(),
            map(coding.targets.normalize, self.pairs.targets[:].tolist()),
            coding.inputs.normalize,
        )


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """A set, prepared for the network.

    Attributes:
        inputs: preprocessed inputs, (n, *input shape), or an array that preprocesses on access, or
            sequences of ids.
        targets: classes, numbers, sequences or the inputs themselves, encoded for the loss on
            access.
        weights: weight of each sample in the loss, (n,); None if all are equal.
        counted: weight of each sample in other metrics, (n,), without class weights; None if all
            are equal.
        origins: location of each sample in its source, as in `Samples`.
        ordering: how the samples are shuffled.
        lines: line of each sample in its text file, as in `Samples`.
        threshold: the decision threshold of two classes; None for the usual one.
        is_stream: whether each input continues the one before.
        writing: what a network with a decoder is to write, and how; None for other networks.
        are_tags: whether the targets are a tag for each symbol of the inputs.
    """

    inputs: Array | LazyArray | Ragged
    targets: AnyTargets
    weights: Array | LazyArray | None
    counted: Array | LazyArray | None = None
    origins: Array | LazyArray | None = None
    ordering: Ordering = FULL_SHUFFLE
    lines: Array | None = None
    threshold: float | None = None
    is_stream: bool = False
    writing: Writing | None = None
    are_tags: bool = False

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(
        self,
        batch_size: int,
        tokens: int | None = None,
        seed: int = 0,
        augment: Sequence[Augmentation] = (),
        ranks: Ranks = ALONE,
    ) -> AnyBatches:
        """The set divided into batches for training.

        Args:
            batch_size: samples per batch.
            tokens: the most symbols in a batch of texts, instead; None for `batch_size`.
            seed: seed of the order and of augmentation.
            augment: augmentations of images.
            ranks: the processes that share each batch.
        """
        if not isinstance(self.inputs, Ragged):
            return Batches(
                self.inputs,
                self.targets,
                batch_size,
                seed,
                self.weights,
                augment,
                self.ordering,
                ranks,
            )
        if self.is_stream:
            return self.stream(batch_size)
        targets = (
            self.targets.sequences if isinstance(self.targets, SequenceTargets) else self.targets
        )
        weights = None if self.weights is None else np.asarray(self.weights[:])
        return SequenceBatches(self.inputs, targets, batch_size, seed, tokens, weights, ranks)

    def stream(self, batch_size: int) -> StreamBatches:
        """The set as batches of windows, each of which continues the one before.

        Args:
            batch_size: the number of parts of the text that are read side by side.
        """
        assert isinstance(self.inputs, Ragged)
        assert isinstance(self.targets, SequenceTargets)
        parts = min(batch_size, len(self))
        return StreamBatches(self.inputs, self.targets.sequences, parts)

    def parts(self, size: int) -> Iterator[slice]:
        """Yields consecutive parts of at most `size` samples, fewer if these are long texts."""
        start, count = 0, len(self)
        while start < count:
            stop = min(start + size, count)
            if isinstance(self.inputs, Ragged):
                stop = start + self._fitting(self.inputs.lengths[start:stop], start)
            yield slice(start, stop)
            start = stop

    def _fitting(self, lengths: Array, start: int) -> int:
        """The number of sequences from `start` on that a batch outside training may have."""
        outputs = 1
        if isinstance(self.targets, SequenceTargets):
            outputs = len(self.targets.names)
            own = self.targets.sequences.lengths[start : start + len(lengths)]
            lengths = np.maximum(lengths, own)
        tokens = np.maximum.accumulate(lengths) * np.arange(1, len(lengths) + 1)
        return max(1, int(np.searchsorted(tokens, most_symbols(outputs), side="right")))

    def batch(self, part: slice) -> Batch:
        """A batch of consecutive samples, as networks take them."""
        weights = None if self.weights is None else np.asarray(self.weights[part])
        if not isinstance(self.inputs, Ragged):
            X, T = batch_last(self.inputs[part]), batch_last(self.targets.coded(part))
            return Batch(X, T, weights, total_weight(weights, T.shape[-1]))
        inputs, lengths = self.inputs[part], None
        if isinstance(self.targets, SequenceTargets):
            targets = self.targets.sequences[part]
            T, lengths = targets.padded(), targets.lengths
        else:
            T = batch_last(self.targets.coded(part))
        total = batch_weight(weights, T.shape[-1], lengths)
        return Batch(
            inputs.padded(), T, weights, total, lengths=inputs.lengths, target_lengths=lengths
        )


def most_symbols(outputs: int) -> int:
    """The symbols of a batch outside training, if each has that many outputs."""
    return min(MOST_TOKENS, MOST_OUTPUTS // outputs)


def continued(carried: Mapping[str, LayerState], batch: Batch) -> States:
    """The states in which the recurrent layers begin a batch of a stream.

    Args:
        carried: the states after the batch before, by layer.
        batch: the batch, which may have fewer columns.
    """
    whole = States(dict(carried) if batch.continues else {})
    return whole.part(slice(0, batch.X.shape[-1]))


def pass_of(batch: Batch, *, training: bool, step: int = 0) -> Pass:
    """The pass of a batch through a network.

    Args:
        batch: the batch.
        training: whether this is a training pass.
        step: the number of the training step, part of the key of random draws.
    """
    return Pass(
        training,
        step,
        before=batch.before,
        after=batch.after,
        idle=batch.idle,
        lengths=batch.lengths,
        target_lengths=batch.target_lengths,
    )
