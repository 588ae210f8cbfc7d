"""Writes the data and weights shared by all contenders: `python -m benchmarks.material ROW FOLDER`.

It runs as a separate process to keep the driver small: on Linux, a worker's peak memory is never
less than that of the process that started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.peers.networks import INPUTS, ROWS, Array
from benchmarks.peers.nnkit_peer import NnkitTraining, blocks
from benchmarks.peers.protocol import Assignment, Material
from nnkit.errors import NnkitError

NOISE = 0.1  # the largest grey value of pixels that would be black


def main() -> None:
    row, material = ROWS[sys.argv[1]], Material(Path(sys.argv[2]))
    try:
        training = NnkitTraining(Assignment("training", row, row.batches[0], "", "", material))
    except NnkitError as error:
        sys.exit(f"error: {error}")
    task, model = training.trainer.task, training.trainer.model
    weights = blocks(model, row)
    for prefix, name, count in (("", "train", row.images), ("test_", "test", None)):
        data = task.prepare(task.sets[name], model)
        inputs = np.asarray(data.inputs[:count], np.float32)
        material.save(f"{prefix}inputs", inputs.reshape(len(inputs), INPUTS))
        material.save(f"{prefix}classes", data.targets[:count])
    material.save_weights("initial", weights)
    training.repeat(row.repetitions)
    material.save_weights("trained", weights)
    answered = material.first("test_inputs", row.answered)
    answered = answered if row.zeros else without_zeros(answered)
    material.save("answered_inputs", answered)
    material.save("outputs", model.forward(answered.reshape(-1, *model.input_shape)))


def without_zeros(X: Array) -> Array:
    """Replaces zeros by small random numbers."""
    noise = np.random.default_rng(0).uniform(0, NOISE, X.shape).astype(X.dtype)
    return np.where(X == 0, noise + np.finfo(X.dtype).eps, X)


if __name__ == "__main__":
    main()
