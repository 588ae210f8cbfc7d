"""The layers of an encoder and a decoder as the compiled kernels know them; sizes of batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nnkit.native.program import ProgramLoss
from nnkit.nn.loss import PART, Loss
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.params import Layout
from nnkit.nn.programs import Layers, layers_in_rows, program_loss
from nnkit.nn.seq2seq.encoder_decoder import EncoderDecoder

POSITIONS = 8  # of which sizes are multiples, so that programs need not be bound for each length


class PairSize(NamedTuple):
    """The size of a batch: its samples, and the positions of the longest source and target."""

    samples: int
    positions: int
    target_positions: int

    @classmethod
    def for_batch(cls, samples: int, positions: int, target_positions: int) -> PairSize:
        """The size to which programs are bound for a batch of such a size."""
        positions, target_positions = (
            max(1, -(-count // POSITIONS)) * POSITIONS for count in (positions, target_positions)
        )
        return cls(samples, positions, target_positions)


@dataclass(frozen=True, slots=True)
class Seq2SeqLayers:
    """The layers of an encoder and a decoder that the compiled kernels know.

    Attributes:
        parts: the layers as the config has them.
        encoder: those of the encoder, as programs describe them.
        decoder: those of the decoder, without the output activation, which is part of the loss.
        loss: the loss, as programs describe it.
        cross_entropy: the loss.
    """

    parts: EncoderDecoder
    encoder: Layers
    decoder: Layers
    loss: ProgramLoss
    cross_entropy: CrossEntropy

    @classmethod
    def of(
        cls, parts: EncoderDecoder, layout: Layout, state: Layout, loss: Loss, seed: int
    ) -> Seq2SeqLayers | None:
        """Describes the layers; None if the kernels lack one, or the loss.

        Args:
            parts: the layers.
            layout: the place of each parameter block.
            state: the place of each block of running state.
            loss: the loss.
            seed: the seed of random draws.
        """
        found = program_loss(parts.decoder, loss)
        encoder = layers_in_rows(parts.encoder, layout, state, seed)
        decoder = layers_in_rows(parts.decoder[:-1], layout, state, seed)
        if found is None or encoder is None or decoder is None:
            return None
        reading = [layer for layer in decoder.training if layer.memory is not None]
        frozen = any(block.lr_factor == 0 for stage in parts.stages for block in stage.parameters)
        if len(reading) > 1 or frozen or not isinstance(loss, CrossEntropy):
            return None
        return cls(parts, encoder, decoder, found, loss)

    def is_large(self, size: PairSize, itemsize: int) -> bool:
        """Whether the logits of a batch do not fit into the cache."""
        symbols, *_ = self.decoder.training[-1].output_shape
        return size.samples * size.target_positions * symbols * itemsize > PART
