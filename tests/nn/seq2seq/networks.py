"""Small encoder–decoder networks for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.nn.architecture import Activations, Architecture
from nnkit.nn.form import Form
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.encoder_decoder import build_encoder_decoder
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.random import generator

SOURCE_SYMBOLS, TARGET_SYMBOLS, START = 6, 5, 4
LENGTHS, TARGET_LENGTHS = np.array([3, 5, 1, 5, 2]), np.array([4, 2, 1, 6, 6])


def model_of(
    encoder: list[Any],
    decoder: list[Any],
    start: str = "bridge",
    dtype: str = "float64",
    source: Form | None = None,
    symbols: int = TARGET_SYMBOLS,
    biased: bool = True,
    smoothing: float = 0.0,
) -> Seq2SeqModel:
    """A network whose decoder ends with an output for each target symbol."""
    architecture = Architecture.model_validate(
        {
            "encoder": encoder,
            "decoder": [*decoder, {"dense": {"units": "auto", "bias": biased}}],
            "start": start,
            "bias_initializer": "normal",
        }
    )
    source = source or Form(SOURCE_SYMBOLS, (None,), ids=True)
    loss = CrossEntropy(label_smoothing=smoothing)
    parts = build_encoder_decoder(architecture, Activations(), loss, source, symbols)
    return Seq2SeqModel(parts, loss, START, 0, dtype)


def batch() -> tuple[Array, Array]:
    """Source ids (T, N) and target class numbers (T, N)."""
    rng = generator(0, "pairs")
    samples = len(LENGTHS)
    X = rng.integers(SOURCE_SYMBOLS, size=(LENGTHS.max(), samples), dtype=np.int32)
    T = rng.integers(TARGET_SYMBOLS, size=(TARGET_LENGTHS.max(), samples), dtype=np.int32)
    return X, T
