"""LiteRT, formerly TensorFlow Lite, with its XNNPACK kernels: inference only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks.peers.litert_model import litert_model
from benchmarks.peers.networks import Array
from benchmarks.peers.protocol import Assignment, Inference, batches, serve


class LiteRtInference(Inference):
    """Inference by an interpreter; each batch is copied in, and its outputs out."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        X = self.row.shaped(self.X)
        X = np.ascontiguousarray(np.moveaxis(X, 1, -1)) if self.row.convolutional else X
        self.parts = [*batches(X, self.batch)]
        model = litert_model(self.row, self.material.weights("trained"), self.batch)
        threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
        self.interpreter = Interpreter(model_content=model, num_threads=threads)
        self.interpreter.allocate_tensors()
        (given_input,) = self.interpreter.get_input_details()
        (output,) = self.interpreter.get_output_details()
        self.input, self.output = given_input["index"], output["index"]

    def forward(self) -> Sequence[Array]:
        return [self._answer(part) for part in self.parts]

    def _answer(self, X: Array) -> Array:
        self.interpreter.set_tensor(self.input, X)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output)


if __name__ == "__main__":
    serve(None, LiteRtInference, {"ai-edge-litert": version("ai-edge-litert")})
