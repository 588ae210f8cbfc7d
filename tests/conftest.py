"""Settings for every test.

Hypothesis draws the same examples each time and stores no files: few examples by default, many for
`make test-all`, which selects the profile "thorough".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from nnkit.compiled import available, own_process
from nnkit.native.library import SETTING, library

# The processes of pytest-xdist share the cores; if each used several threads for matrix products,
# they would slow each other down. Must be set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
own_process()  # as on the command line, so that all processes share compiled kernels

if library() is None:  # else each run would say so, where tests compare its output
    os.environ.setdefault(SETTING, "0")

settings.register_profile("quick", deadline=None, derandomize=True, database=None, max_examples=25)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
settings.load_profile("quick")


# Compiled kernels can only be tested with numba.
collect_ignore = [] if available() else ["nn/conv/test_convolution.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "numba: compares compiled kernels with NumPy")
    config.addinivalue_line("markers", "native: tests the compiled kernels")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = [
        *([] if available() else ["numba"]),
        *([] if library() is not None else ["native"]),
    ]
    needed = [item for item in items if any(map(item.get_closest_marker, absent))]
    config.hook.pytest_deselected(items=needed)
    items[:] = [item for item in items if item not in set(needed)]


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps records of outputs out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _mnist_unpacked_once() -> Iterator[None]:
    """Unpacks the repository's MNIST once per process, because it takes a fifth of a second."""
    from nnkit.data.sources import mnist

    shipped = Path(__file__).parents[1] / "data" / "mnist"
    unpack, unpacked = mnist._read, cache(mnist._read)

    def read(folder: Path, *files: str) -> Any:
        return (unpacked if folder.resolve() == shipped else unpack)(folder, *files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist, "_read", read)
        yield


@pytest.fixture(scope="session")
def digit_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Trains 784-64-10 for two epochs on 5,000 MNIST images; tests must not change the run."""
    from tests.data.small import train_digit_reader

    return train_digit_reader(tmp_path_factory.mktemp("digit_reader"))


@pytest.fixture(scope="session")
def digit_reader(digit_run: Any) -> Any:
    """Loads the trained model of `digit_run`."""
    return digit_run.load()


@pytest.fixture(scope="session")
def mnist() -> Any:
    """Loads the repository's MNIST."""
    from nnkit.data.sources.mnist import Mnist
    from tests.data.small import DATA

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNKIT_DATA", str(DATA))
        return Mnist().load()
