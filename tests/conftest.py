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

from nnkit.native.build import find_compiler
from nnkit.native.library import SETTING, library
from nnkit.native.platforms import BuildError, library_path

# The processes of pytest-xdist share the cores; if each used several threads for matrix products,
# they would slow each other down. Must be set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def absent() -> dict[str, str]:
    """Returns the markers of tests that cannot run here, each with the reason."""
    found = {}
    if library() is None:
        disabled = os.environ.get(SETTING) == "0" and library_path().exists()
        found["native"] = f"{SETTING}=0" if disabled else "there are no compiled kernels"
    try:
        find_compiler()
    except BuildError as error:
        found["compiler"] = str(error)
    return found


ABSENT = absent()
if "native" in ABSENT:  # else each run would say so, where tests compare its output
    os.environ[SETTING] = "0"

settings.register_profile("quick", deadline=None, derandomize=True, database=None, max_examples=25)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
settings.load_profile("quick")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "native: tests the compiled kernels")
    config.addinivalue_line("markers", "compiler: starts a C compiler")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Says once which tests do not run here."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a process of pytest-xdist
        return
    for marker, why in ABSENT.items():
        reporter.write_line(f"tests marked '{marker}' are left out: {why}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if any(map(item.get_closest_marker, ABSENT))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


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
