"""Tests of the threads of compiled kernels: equal bits, and nothing that waits for ever."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nnkit.native.structures import PaceStructure
from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.params import Array
from nnkit.optim.clipping import ClipNorm
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers.adagrad import RMSprop
from nnkit.optim.optimizers.adam import LAMB
from nnkit.optim.optimizers.sgd import Pegasos
from nnkit.optim.regularization import L1, Regularization
from tests.native.networks import SAMPLES, network, program_of, train, trained_weights, use_threads
from tests.nn.examples import batch_of

pytestmark = pytest.mark.native

ROOT = Path(__file__).parents[2]
EXPECTED = "expected = trained_weights(1)\n"
IMPORTS = """
import os, resource, signal, threading
import numpy as np
from tests.native.networks import *
"""


def test_any_number_of_threads_gives_the_same_bits() -> None:
    alone = trained_weights(1)
    for threads in (2, 3, 8, 4, 1, 5):  # fewer after more, and more after fewer
        np.testing.assert_array_equal(trained_weights(threads), alone)


@pytest.mark.parametrize(
    ("optimizer", "regularization"),
    [
        (RMSprop(momentum=0.5), Regularization(l2=0.1, max_norm=0.5)),
        (LAMB(clip=ClipNorm(limit=0.1)), Regularization(l1=L1(strength=0.1, proximal=True))),
        (Pegasos(strength=0.5), Regularization(l2=0.5, max_norm=0.1)),
    ],
    ids=["rmsprop", "lamb", "pegasos"],
)
def test_no_sum_over_parameters_depends_on_threads(
    optimizer: Optimizer, regularization: Regularization
) -> None:
    alone = trained_weights(1, optimizer, regularization)
    for threads in (2, 3, 8):
        found = trained_weights(threads, optimizer, regularization)
        np.testing.assert_array_equal(found, alone)


def test_threads_may_change_between_two_calls_of_a_program() -> None:
    model = network()
    program = program_of(model)
    X, T = batch_of(model, SAMPLES)
    expected = program.gradient(X.T, T.T, None)
    gradient = model.grads.copy()
    for threads in (4, 2, 7, 1, 3):
        use_threads(program, threads)
        assert program.gradient(X.T, T.T, None) == expected
        np.testing.assert_array_equal(model.grads, gradient)


def test_the_choice_between_one_and_all_threads_changes_no_bits() -> None:
    model = network()
    program = program_of(model, threads=3)
    pace = PaceStructure()
    train(program, model, pace)
    np.testing.assert_array_equal(model.params, trained_weights(1))
    assert pace.alone > 0
    assert pace.together > 0


def test_several_threads_of_python_compute_at_once() -> None:
    model = network()
    X, _ = batch_of(model, SAMPLES)
    expected = program_of(model).forward(X.T).copy()

    def predicted(_: int) -> list[Array]:
        program = program_of(model, threads=3)
        return [program.forward(X.T).copy() for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(predicted, range(8)):
            for Y in found:
                np.testing.assert_array_equal(Y, expected)


def test_threads_take_over_the_settings_of_the_calling_one() -> None:
    model = network()
    X = np.full((SAMPLES, model.input_shape[0]), 1e-30, np.float32)
    model.params *= np.float32(1e-9)  # products are denormal
    found = []
    for threads in (1, 4):
        program = program_of(model, threads=threads)
        with flushed_denormals():
            flushed = program.forward(X).copy()
        found += [flushed, program.forward(X).copy()]
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[3])


def script(text: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own, which is ended if it waits for ever."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS + text],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


CHILD = """
child = os.fork()
if child == 0:
    signal.alarm(60)
    same = all(np.array_equal(trained_weights(n), expected) for n in (1, 3))
    os._exit(0 if same else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(trained_weights(3), expected)
"""
IN_MIDDLE = """
forks, ended = 20, threading.Event()
def work():
    while not ended.is_set():
        trained_weights(3)
worker = threading.Thread(target=work)
worker.start()
for _ in range(forks):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if np.array_equal(trained_weights(3), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
ended.set()
worker.join()
"""
BY_ANOTHER_THREAD = """
def fork():
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if np.array_equal(trained_weights(3), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
    done.append(True)
done = []
trained_weights(3)
other = threading.Thread(target=fork)
other.start()
while other.is_alive():
    trained_weights(2)
assert done
"""
POOL = """
import multiprocessing
trained_weights(3)
with multiprocessing.get_context("fork").Pool(2) as pool:
    for found in pool.map(trained_weights, [1, 2, 3, 4]):
        assert np.array_equal(found, expected)
"""
NO_THREADS = """
if os.getuid() == 0:
    os.setuid(65534)  # the limit does not apply to root
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
assert np.array_equal(trained_weights(4), expected)
assert len(os.listdir("/proc/self/task")) == 1
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "trained_weights(3)\n" + CHILD,
        "trained_weights(3)\n" + IN_MIDDLE,
        BY_ANOTHER_THREAD,
        POOL,
        *([NO_THREADS] if sys.platform == "linux" else []),
    ],
    ids=["after a call", "during calls", "by another thread", "multiprocessing", "no threads left"][
        : 5 if sys.platform == "linux" else 4
    ],
)
def test_a_process_goes_on(text: str) -> None:
    done = script(EXPECTED + text)
    assert done.returncode == 0, done.stderr
