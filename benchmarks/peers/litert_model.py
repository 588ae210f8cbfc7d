"""A network as a LiteRT model (.tflite), as a converter would write it: fused and channels last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from benchmarks.peers.networks import CLASSES, IMAGE, INPUTS, Array, Conv, Dense, MaxPool, Row
from benchmarks.peers.protocol import Weights

BATCH_NORM_EPS = 1e-5
VERSION, IDENTIFIER = 3, b"TFL3"  # of the file format
Operator = schema.BuiltinOperator
Options = schema.BuiltinOptions
Activation = schema.ActivationFunctionType


@dataclass
class Builder:
    """The parts of a model, filled operation by operation.

    Attributes:
        tensors: all tensors; the first is the input, and the last one the output so far.
        buffers: the values of constant tensors; the first is empty, for those computed.
        kinds: the kinds of operations.
        operators: the operations in order.
    """

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    kinds: list[int] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    last: int = 0  # the tensor that the next operation reads

    def tensor(self, shape: tuple[int, ...], values: Array | None = None) -> int:
        """Adds a tensor, constant if values are given; returns its number."""
        tensor = schema.TensorT()
        tensor.name = f"tensor{len(self.tensors)}".encode()
        tensor.shape, tensor.type = list(shape), schema.TensorType.FLOAT32
        if values is not None:
            tensor.type = _TYPES[values.dtype.name]
            tensor.buffer = len(self.buffers)
            buffer = schema.BufferT()
            buffer.data = np.ascontiguousarray(values).view(np.uint8).ravel()
            self.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operation(
        self, kind: int, shape: tuple[int, ...], *weights: Array, options: Any = None
    ) -> None:
        """Adds an operation on the last output; `shape` is that of its own output."""
        operator = schema.OperatorT()
        operator.inputs = [self.last, *(self.tensor(block.shape, block) for block in weights)]
        self.last = self.tensor(shape)
        operator.outputs = [self.last]
        if kind not in self.kinds:
            self.kinds.append(kind)
        operator.opcodeIndex = self.kinds.index(kind)
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(Options, name)
            operator.builtinOptions = options
        self.operators.append(operator)

    def model(self) -> bytes:
        """Returns the serialized model."""
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [0], [self.last]
        model.version, model.subgraphs, model.buffers = VERSION, [graph], self.buffers
        model.operatorCodes = []
        for kind in self.kinds:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = kind
            code.version = 1
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())


_TYPES = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}


def litert_model(row: Row, weights: Weights, batch: int) -> bytes:
    """Returns the serialized model of a trained network for batches of one size.

    Its input is (batch, 28, 28, 1) if the network has convolutions, else (batch, 784).
    """
    builder, blocks = Builder(), iter(weights)
    channels, *image = IMAGE
    builder.tensor((batch, *image, channels) if row.convolutional else (batch, INPUTS))
    for layer, before, after in row.shapes():
        ends = layer is row.layers[-1]
        match layer:
            case Conv():
                channels, *positions = after
                shape = (batch, *positions, channels)
                options = _convolution(layer)
                builder.operation(
                    Operator.CONV_2D, shape, *_filters(layer, blocks), options=options
                )
            case MaxPool(size):
                channels, *positions = after
                shape = (batch, *positions, channels)
                builder.operation(Operator.MAX_POOL_2D, shape, options=_pooling(size))
            case Dense(units):
                W, b = next(blocks), next(blocks)
                if row.convolutional and len(before) > 1:
                    W = W.reshape(units, *before).transpose(0, 2, 3, 1).reshape(units, -1)
                    flat = np.array([batch, W.shape[1]], np.int32)
                    builder.operation(Operator.RESHAPE, (batch, W.shape[1]), flat)
                options = schema.FullyConnectedOptionsT()
                if not ends and not row.squared:
                    options.fusedActivationFunction = Activation.RELU
                builder.operation(Operator.FULLY_CONNECTED, (batch, units), W, b, options=options)
                if row.squared:
                    builder.operation(Operator.LOGISTIC, (batch, units))
    if not row.squared:
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        builder.operation(Operator.SOFTMAX, (batch, CLASSES), options=options)
    return builder.model()


def _convolution(layer: Conv) -> Any:
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME if layer.padding == "same" else schema.Padding.VALID
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    options.fusedActivationFunction = Activation.RELU
    return options


def _pooling(size: int) -> Any:
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideW = options.strideH = options.filterWidth = options.filterHeight = size
    return options


def _filters(layer: Conv, blocks: Iterator[Array]) -> tuple[Array, Array]:
    """Returns the filters, (filters, height, width, channels), and biases of a convolution.

    Batch normalization is folded into them: scale · (W x − mean) / √(variance + ε) + shift.
    """
    W, b = next(blocks), next(blocks)
    if layer.batch_norm:
        scale, shift, mean, variance = b, *(next(blocks) for _ in range(3))
        factor = scale / np.sqrt(variance + np.float32(BATCH_NORM_EPS))
        W, b = W * factor.reshape(-1, 1, 1, 1), shift - mean * factor
    return np.ascontiguousarray(W.transpose(0, 2, 3, 1), np.float32), b.astype(np.float32)
