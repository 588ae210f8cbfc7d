"""Programs for tests, on a chosen number of threads."""

from __future__ import annotations

import numpy as np

from nnkit.native.library import library
from nnkit.native.program import Program, TrainingData
from nnkit.native.structures import PaceStructure
from nnkit.nn.arena import Buffers
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers.adam import Adam
from nnkit.optim.regularization import Regularization
from nnkit.optim.update import Update
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


def update_of(
    program: Program,
    model: Model,
    optimizer: Optimizer,
    regularization: Regularization | None = None,
) -> Update:
    """The update that a program makes from now on, from a new state."""
    update = Update(
        model.params,
        model.grads,
        tuple(np.zeros_like(model.params) for _ in optimizer.state_names),
        model.layout,
        optimizer,
        regularization or Regularization(),
        program.library,
    )
    assert update.program is not None
    program.set_update(update.program)
    return update


def train(
    program: Program,
    model: Model,
    pace: PaceStructure | None = None,
    optimizer: Optimizer | None = None,
    regularization: Regularization | None = None,
) -> None:
    """Takes some steps, by default with Adam, from a new state."""
    X, T = batch_of(model, 4 * SAMPLES)
    program.set_data(TrainingData(np.ascontiguousarray(X.T), np.ascontiguousarray(T.T)))
    update = update_of(program, model, optimizer or Adam(), regularization)
    order = np.resize(np.arange(4 * SAMPLES), STEPS * SAMPLES)
    rates = np.array([update.rates(t, 1e-3) for t in range(1, STEPS + 1)])
    losses = np.empty(STEPS)
    taken = program.train(order, SAMPLES, rates, losses, pace or PaceStructure(**TOGETHER))
    assert taken == STEPS


def trained_weights(
    threads: int,
    optimizer: Optimizer | None = None,
    regularization: Regularization | None = None,
) -> Array:
    """The weights of a new network after some steps by that many threads."""
    model = network()
    program = program_of(model, threads=threads)
    train(program, model, optimizer=optimizer, regularization=regularization)
    return model.params
