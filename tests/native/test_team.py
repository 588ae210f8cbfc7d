"""Tests of the team of threads, which several threads of the program may want to use at once."""

from __future__ import annotations

import ctypes
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from ctypes import CFUNCTYPE, POINTER, c_int64, c_void_p
from threading import Event

import pytest

from nnkit.native.build import find_compiler
from nnkit.native.platforms import SOURCE

pytestmark = [pytest.mark.compiler, pytest.mark.slow]

Member = c_int64 * 4  # `struct member`; the first two are its number and how many there are
WORK = CFUNCTYPE(None, c_void_p, POINTER(Member))


@pytest.fixture
def team(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compiles team.c for itself, so that no other test has started threads."""
    library = tmp_path_factory.mktemp("team") / "team.so"
    sources = [str(SOURCE / name) for name in ("team.c", "pace.c")]
    command = [*find_compiler(), "-shared", "-fPIC", *sources, "-o", str(library)]
    subprocess.run([*command, "-lm", "-pthread"], check=True)
    found = ctypes.CDLL(str(library))
    found.run_together.restype = c_int64
    found.run_together.argtypes = WORK, c_void_p, c_int64
    return found


class Waiting:
    """Work that goes on until it is told to finish."""

    def __init__(self) -> None:
        self.begun, self.finish = Event(), Event()
        self.work = WORK(self._work)

    def _work(self, _argument: int | None, _member: object) -> None:
        self.begun.set()
        self.finish.wait()


def test_all_threads_of_the_team_do_the_work(team: ctypes.CDLL) -> None:
    seen = []

    def work(_argument: int | None, member: ctypes._Pointer[ctypes.Array[c_int64]]) -> None:
        seen.append(tuple(member.contents[:2]))

    assert team.run_together(WORK(work), None, 3) == 3
    assert sorted(seen) == [(0, 3), (1, 3), (2, 3)]


def test_callers_at_once_work_alone_and_later_together(team: ctypes.CDLL) -> None:
    quick = WORK(lambda _argument, _member: None)
    first, second = Waiting(), Waiting()
    with ThreadPoolExecutor(2) as pool:
        of_first = pool.submit(team.run_together, first.work, None, 2)
        first.begun.wait()
        of_second = pool.submit(team.run_together, second.work, None, 2)
        second.begun.wait()
        first.finish.set()
        threads_of_first = of_first.result()
        threads_meanwhile = team.run_together(quick, None, 2)
        second.finish.set()
    assert threads_of_first == 2
    assert of_second.result() == 1
    assert threads_meanwhile == 1  # the team was free, but not the processors
    while team.run_together(quick, None, 2) == 1:  # for a short time
        pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forking with threads
def test_a_child_process_knows_of_no_callers_of_its_parent(team: ctypes.CDLL) -> None:
    first = Waiting()
    with ThreadPoolExecutor(1) as pool:
        of_first = pool.submit(team.run_together, first.work, None, 2)
        first.begun.wait()
        child = os.fork()
        if child == 0:
            harmless = ctypes.cast(ctypes.CDLL(None).labs, WORK)  # needs no Python in new threads
            os._exit(team.run_together(harmless, None, 2))
        _, status = os.waitpid(child, 0)
        first.finish.set()
        of_first.result()
    assert os.waitstatus_to_exitcode(status) == 2
