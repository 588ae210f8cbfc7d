"""The layers that a decoder may have: those that compute a position without the next ones."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.nn.layers.activation_layer import ActivationLayer
from nnkit.nn.layers.dense import Dense
from nnkit.nn.layers.dropout import Dropout
from nnkit.nn.layers.embedding import Embedding, OneHotIds
from nnkit.nn.layers.gru import GRU
from nnkit.nn.layers.lstm import LSTM
from nnkit.nn.layers.noise import GaussianNoise
from nnkit.nn.layers.rnn import RNN
from nnkit.nn.seq2seq.attention import Attention
from nnkit.nn.seq2seq.context import Context

AnyDecoderLayer = Annotated[
    Embedding
    | OneHotIds
    | RNN
    | LSTM
    | GRU
    | Attention
    | Context
    | Dense
    | Dropout
    | GaussianNoise
    | ActivationLayer,
    Tagged(name="decoder_layer"),
]
