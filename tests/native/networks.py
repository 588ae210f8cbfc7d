"""Programs for tests, on a chosen number of threads."""

from __future__ import annotations

import numpy as np

from nnkit.native.library import library
from nnkit.native.program import Program, ProgramUpdate, TrainingData
from nnkit.native.structures import PaceStructure, UpdateKind
from nnkit.nn.arena import Buffers
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from tests.nn.examples import batch_of, model_of

# Layers that divide among several threads with a remainder.
LAYERS = [{"dense": 130}, {"dense": 130}, {"dense": 5}]
INPUTS, SAMPLES, STEPS = 37, 21, 8
# Several threads are faster, and a trial of one is far away: the number of threads is certain.
TOGETHER = {"alone": 1.0, "together": 1e-9, "until_trial": 1e9}


def network(dtype: str = "float32") -> Model:
    """A new network, always with the same weights."""
    return model_of(LAYERS, (INPUTS,), dtype=dtype)


def program_of(model: Model, samples: int = SAMPLES, threads: int = 1) -> Program:
    """The program of a model, each of its buffers in memory of its own."""
    compiled, known = library(), model.program
    assert compiled is not None
    assert known is not None
    layers, loss = known
    vectors = model.params, model.grads, model.state
    program = Program(compiled, layers.training, loss, *vectors, samples, Buffers())
    use_threads(program, threads)
    return program


def use_threads(program: Program, count: int) -> None:
    """Lets a program's passes use that many threads from now on."""
    program.structure.threads = count
    program.structure.pace.contents = PaceStructure(**TOGETHER)


def train(program: Program, model: Model, pace: PaceStructure | None = None) -> None:
    """Takes some steps with Adam, from a new state."""
    X, T = batch_of(model, 4 * SAMPLES)
    program.set_data(TrainingData(np.ascontiguousarray(X.T), np.ascontiguousarray(T.T)))
    state = [np.zeros_like(model.params) for _ in range(2)]
    program.set_update(ProgramUpdate(UpdateKind.ADAM, 0.9, 0.999), state, 0, 0)
    order = np.resize(np.arange(4 * SAMPLES), STEPS * SAMPLES)
    rates, losses = np.tile([1e-3, 1e-4, 1e-8], (STEPS, 1)), np.empty(STEPS)
    taken = program.train(order, SAMPLES, rates, losses, pace or PaceStructure(**TOGETHER))
    assert taken == STEPS


def trained_weights(threads: int) -> Array:
    """The weights of a new network after some steps by that many threads."""
    model = network()
    train(program_of(model, threads=threads), model)
    return model.params
