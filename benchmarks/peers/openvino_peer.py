"""OpenVINO: inference only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import openvino
from openvino.properties import hint, inference_num_threads

from benchmarks.peers.networks import CLASSES, Array
from benchmarks.peers.onnx_model import onnx_model
from benchmarks.peers.protocol import Assignment, Inference, batches, serve

HINTS = {
    "latency": hint.PerformanceMode.LATENCY,  # a batch after the other
    "throughput": hint.PerformanceMode.THROUGHPUT,  # as many at once as OpenVINO recommends
}


class OpenVinoInference(Inference):
    """Inference by a request at a time, or by a queue of requests that run at once."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        core = openvino.Core()
        model = core.read_model(onnx_model(self.row, self.material.weights("trained"), self.batch))
        settings = {
            hint.performance_mode: HINTS[given.mode],
            hint.inference_precision: openvino.Type.f32,  # not bfloat16, the default on some CPUs
            inference_num_threads: int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
        }
        self.compiled = core.compile_model(model, "CPU", settings)
        self.queue = openvino.AsyncInferQueue(self.compiled)
        self.queue.set_callback(self._keep)
        self.request = self.compiled.create_infer_request()
        self.queued = given.mode == "throughput"
        self.parts = [*batches(self.row.shaped(self.X), self.batch)]
        self.outputs = np.empty((len(self.parts), self.batch, CLASSES), np.float32)

    def _keep(self, request: openvino.InferRequest, number: int) -> None:
        self.outputs[number] = request.get_output_tensor().data

    def forward(self) -> Sequence[Array]:
        if self.queued:
            for number, part in enumerate(self.parts):
                self.queue.start_async(part, number, share_inputs=True)
            self.queue.wait_all()
        else:
            for number, part in enumerate(self.parts):
                self.request.infer(part, share_inputs=True)
                self.outputs[number] = self.request.get_output_tensor().data
        return [*self.outputs]


if __name__ == "__main__":
    serve(None, OpenVinoInference, {"openvino": version("openvino")})
