"""Writes the data and weights shared by all contenders: `python -m benchmarks.material ROW FOLDER`.

It runs as a separate process to keep the driver small: on Linux, a worker's peak memory is never
less than that of the process that started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.peers import nnkit_peer
from benchmarks.peers.protocol import INPUTS, ROWS, Material
from nnkit.errors import NnkitError
from nnkit.task.task import load_task
from nnkit.training.trainer import Trainer


def main() -> None:
    row, material = ROWS[sys.argv[1]], Material(Path(sys.argv[2]))
    try:
        trainer = Trainer(load_task(nnkit_peer.config(row, row.batches[0])), Path())
    except NnkitError as error:
        sys.exit(f"error: {error}")
    task, model = trainer.task, trainer.model
    weights = nnkit_peer.blocks(model, row)
    for prefix, name in (("", "train"), ("test_", "test")):
        data = task.prepare(task.sets[name], model)
        material.save(f"{prefix}inputs", np.asarray(data.inputs).reshape(len(data), INPUTS))
        material.save(f"{prefix}classes", data.targets[:])
    material.save_weights("initial", weights)
    nnkit_peer.train(trainer, trainer.loop.per_epoch)
    material.save_weights("trained", weights)
    images = np.asarray(task.prepare(task.sets["test"], model).inputs)
    material.save("test_outputs", model.forward(images))


if __name__ == "__main__":
    main()
