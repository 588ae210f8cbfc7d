"""A network as an ONNX model, for the libraries that run such models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.networks import CLASSES, IMAGE, INPUTS, Conv, Dense, MaxPool, Row
from benchmarks.peers.protocol import Weights

OPSET, IR_VERSION = 17, 9
INPUT, OUTPUT = "inputs", "outputs"


def onnx_model(row: Row, weights: Weights, batch: int) -> bytes:
    """Returns the serialized model of a trained network for batches of one size."""
    shape = [batch, *IMAGE] if row.convolutional else [batch, INPUTS]
    blocks = {f"weights{i}": block for i, block in enumerate(weights)}
    graph = helper.make_graph(
        list(_nodes(row, iter(blocks))),
        row.name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [batch, CLASSES])],
        [numpy_helper.from_array(block, name) for name, block in blocks.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _nodes(row: Row, blocks: Iterator[str]) -> Iterator[Any]:
    """Yields the operations of a network; `blocks` gives the names of its weights in turn."""
    operations = [*_operations(row, blocks)]
    names = [INPUT, *(f"values{i}" for i in range(1, len(operations))), OUTPUT]
    for (kind, weights, settings), before, after in zip(
        operations, names[:-1], names[1:], strict=True
    ):
        yield helper.make_node(kind, [before, *weights], [after], **settings)


def _operations(row: Row, blocks: Iterator[str]) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """Yields the kind, the weights and the settings of each operation."""
    activation = "Sigmoid" if row.squared else "Relu"
    for layer, before, _ in row.shapes():
        match layer:
            case Conv(_, kernel, padding, batch_norm):
                border = kernel // 2 if padding == "same" else 0
                weights = [next(blocks) for _ in range(1 if batch_norm else 2)]
                yield "Conv", weights, {"pads": [border] * 4}
                if batch_norm:
                    yield "BatchNormalization", [next(blocks) for _ in range(4)], {}
                yield activation, [], {}
            case MaxPool(size):
                yield "MaxPool", [], {"kernel_shape": [size] * 2, "strides": [size] * 2}
            case Dense():
                if row.convolutional and len(before) > 1:
                    yield "Flatten", [], {}
                yield "Gemm", [next(blocks), next(blocks)], {"transB": 1}
                if layer is not row.layers[-1] or row.squared:
                    yield activation, [], {}
    if not row.squared:
        yield "Softmax", [], {"axis": 1}
