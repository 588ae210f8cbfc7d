"""The layers, one file per kind; to add one, add its file and extend the union here."""

from __future__ import annotations

from typing import Annotated

from nnkit.config.tagged_union import Tagged
from nnkit.nn.layers.activation_layer import ActivationLayer
from nnkit.nn.layers.conv import Conv
from nnkit.nn.layers.conv_transpose import ConvTranspose
from nnkit.nn.layers.dense import Dense
from nnkit.nn.layers.dropout import Dropout, SpatialDropout
from nnkit.nn.layers.embedding import Embedding, OneHotIds
from nnkit.nn.layers.flatten import Flatten, Reshape, Rows
from nnkit.nn.layers.global_pooling import GlobalAvgPool, GlobalMaxPool
from nnkit.nn.layers.gru import GRU
from nnkit.nn.layers.lstm import LSTM
from nnkit.nn.layers.noise import GaussianNoise
from nnkit.nn.layers.normalization import BatchNorm, LayerNorm
from nnkit.nn.layers.pooling import AvgPool, MaxPool
from nnkit.nn.layers.positional_encoding import PositionalEncoding
from nnkit.nn.layers.rbf import RBF
from nnkit.nn.layers.residual import Residual
from nnkit.nn.layers.resizing import UpSample, ZeroPad
from nnkit.nn.layers.rnn import RNN
from nnkit.nn.layers.self_attention import SelfAttention
from nnkit.nn.layers.subsample import Subsample

__all__ = [
    "GRU",
    "LSTM",
    "RBF",
    "RNN",
    "ActivationLayer",
    "AnyLayer",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LayerNorm",
    "MaxPool",
    "OneHotIds",
    "PositionalEncoding",
    "Reshape",
    "Residual",
    "Rows",
    "SelfAttention",
    "SpatialDropout",
    "Subsample",
    "UpSample",
    "ZeroPad",
]

AnyLayer = Annotated[
    Dense
    | RBF
    | Conv
    | ConvTranspose
    | MaxPool
    | AvgPool
    | GlobalMaxPool
    | GlobalAvgPool
    | Subsample
    | Embedding
    | OneHotIds
    | RNN
    | LSTM
    | GRU
    | SelfAttention
    | PositionalEncoding
    | Residual
    | Flatten
    | Reshape
    | Rows
    | ZeroPad
    | UpSample
    | Dropout
    | SpatialDropout
    | GaussianNoise
    | BatchNorm
    | LayerNorm
    | ActivationLayer,
    Tagged(name="layer"),
]

Residual.model_rebuild()  # its layers are members of the union
