"""ONNX Runtime: inference only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import onnxruntime

from benchmarks.peers.networks import CLASSES, Array
from benchmarks.peers.onnx_model import INPUT, OUTPUT, onnx_model
from benchmarks.peers.protocol import Assignment, Inference, batches, serve

DEFAULT_THREADS = 0  # one for each core


class OnnxRuntimeInference(Inference):
    """Inference by `run_with_iobinding`, with inputs and outputs bound beforehand."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", DEFAULT_THREADS))
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        model = onnx_model(self.row, self.material.weights("trained"), self.batch)
        self.session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        self.parts = [*batches(self.row.shaped(self.X), self.batch)]
        self.outputs = [np.empty((len(part), CLASSES), np.float32) for part in self.parts]
        self.bindings = [
            self._binding(part, Y) for part, Y in zip(self.parts, self.outputs, strict=True)
        ]

    def _binding(self, X: Array, Y: Array) -> onnxruntime.IOBinding:
        binding = self.session.io_binding()
        binding.bind_cpu_input(INPUT, X)
        binding.bind_output(OUTPUT, "cpu", 0, np.float32, Y.shape, Y.ctypes.data)
        return binding

    def forward(self) -> Sequence[Array]:
        for binding in self.bindings:
            self.session.run_with_iobinding(binding)
        return self.outputs


if __name__ == "__main__":
    serve(None, OnnxRuntimeInference, {"onnxruntime": version("onnxruntime")})
