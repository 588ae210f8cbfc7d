"""Tests of the choice between one thread and all, with times that are simulated."""

from __future__ import annotations

import ctypes
import subprocess
from ctypes import byref
from math import ceil

import pytest

from nnkit.native.build import find_compiler
from nnkit.native.platforms import SOURCE
from nnkit.native.structures import PaceStructure

pytestmark = [pytest.mark.compiler, pytest.mark.slow]

THREADS = 2
MICROSECOND = 1e-6


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compiles pace.c alone, with its functions visible."""
    library = tmp_path_factory.mktemp("pace") / "pace.so"
    command = [*find_compiler(), "-shared", "-fPIC", str(SOURCE / "pace.c"), "-o", str(library)]
    subprocess.run([*command, "-lm"], check=True)
    found = ctypes.CDLL(str(library))
    found.threads_for_spell.restype = found.units_of_spell.restype = ctypes.c_int64
    found.patience.restype = ctypes.c_double
    return found


def spent(
    functions: ctypes.CDLL, pace: PaceStructure, units: int, alone: float, together: float
) -> float:
    """The seconds for units of work that take that long by one thread and by all."""
    total, done = 0.0, 0
    while done < units:
        threads = functions.threads_for_spell(byref(pace), ctypes.c_int64(THREADS))
        spell = functions.units_of_spell(byref(pace))
        each = alone if threads == 1 else together
        if threads > 1:  # a spell ends with the unit in which patience does
            patience = functions.patience(byref(pace), ctypes.c_int64(spell))
            spell = min(spell, max(1, ceil(patience / each)))
        seconds = spell * each
        functions.note_spell(
            byref(pace), ctypes.c_int64(threads), ctypes.c_int64(spell), ctypes.c_double(seconds)
        )
        total, done = total + seconds, done + spell
    return total * units / done


@pytest.mark.parametrize("alone", [1, 30, 1000])
@pytest.mark.parametrize("slowdown", [0.55, 0.95, 1, 1.1, 2, 30, 1000])
def test_trials_cost_little(functions: ctypes.CDLL, alone: int, slowdown: float) -> None:
    """Compares several seconds of work with those by the faster way alone."""
    one, all_threads = alone * MICROSECOND, alone * slowdown * MICROSECOND
    units = int(100_000 * max(1, slowdown))
    pace = PaceStructure()
    seconds = spent(functions, pace, units, one, all_threads)
    assert seconds <= 1.03 * units * min(one, all_threads)


def test_the_choice_follows_the_load_of_the_machine(functions: ctypes.CDLL) -> None:
    pace = PaceStructure()
    one, quiet, busy = 30 * MICROSECOND, 17 * MICROSECOND, 4000 * MICROSECOND
    spent(functions, pace, 10_000, one, quiet)
    for _ in range(5):
        seconds = spent(functions, pace, 50_000, one, busy)
        assert seconds <= 1.05 * 50_000 * one
        seconds = spent(functions, pace, 100_000, one, quiet)
        assert seconds <= 1.15 * 100_000 * quiet


def test_a_bad_trial_is_soon_repeated(functions: ctypes.CDLL) -> None:
    """Counts the seconds for which passes of 4 ms stay on one thread after they were held up."""
    one, together, held_up = 7e-3, 4e-3, 50e-3
    pace = PaceStructure()
    spent(functions, pace, 1000, one, together)

    def alone() -> float:
        found = 0.0
        while functions.threads_for_spell(byref(pace), ctypes.c_int64(THREADS)) == 1:
            found += spent(functions, pace, 1, one, together)
        return found

    def hold_up() -> int:
        """Holds passes up until one thread is chosen; returns their number."""
        passes = 0
        while pace.together < pace.alone:
            spent(functions, pace, 1, one, held_up)
            passes += 1
        return passes

    assert alone() <= one
    assert 2 <= hold_up() <= 4  # one alone is forgiven, and another may be taken for a waking one
    assert 0 < alone() <= 0.02
    spent(functions, pace, 2, one, held_up)  # the first trial too, after a pass that wakes threads
    assert 0 < alone() <= 0.3


@pytest.mark.parametrize("alone", [30 * MICROSECOND, 0.1])
def test_a_process_that_was_stopped_tries_all_threads_again(
    functions: ctypes.CDLL, alone: float
) -> None:
    """Stops a process for a day in the middle of a trial on a busy machine."""
    pace = PaceStructure()
    while pace.failed < 8:
        spent(functions, pace, 1, alone, 20 * alone)
    while functions.threads_for_spell(byref(pace), ctypes.c_int64(THREADS)) == 1:
        spent(functions, pace, 1, alone, 20 * alone)
    spent(functions, pace, 1, alone, 20 * alone)  # wakes the threads
    spent(functions, pace, 1, alone, 86_400)
    assert 0 < pace.until_trial <= max(60, 1000 * alone)


def test_what_it_takes_to_wake_threads_is_no_reason_for_one(functions: ctypes.CDLL) -> None:
    """Passes of 30 µs, of which each by all threads after one by a single thread takes 100 µs."""
    pace = PaceStructure()
    passes: list[int] = []
    for _ in range(2000):
        threads = functions.threads_for_spell(byref(pace), ctypes.c_int64(THREADS))
        is_asleep = not passes or passes[-1] == 1
        took = 30 if threads == 1 else 100 if is_asleep else 17
        functions.note_spell(
            byref(pace),
            ctypes.c_int64(threads),
            ctypes.c_int64(1),
            ctypes.c_double(took * MICROSECOND),
        )
        passes.append(threads)
    assert passes.count(1) <= 4


def test_one_spell_that_is_held_up_changes_nothing(functions: ctypes.CDLL) -> None:
    pace = PaceStructure()
    spent(functions, pace, 20_000, 30 * MICROSECOND, 17 * MICROSECOND)
    spell = ctypes.c_int64(THREADS), ctypes.c_int64(1), ctypes.c_double(1)
    pace.until_trial = 2
    functions.note_spell(byref(pace), *spell)
    assert functions.threads_for_spell(byref(pace), ctypes.c_int64(THREADS)) == THREADS


def test_one_thread_is_never_more(functions: ctypes.CDLL) -> None:
    pace = PaceStructure(alone=1.0, together=1e-9)
    assert functions.threads_for_spell(byref(pace), ctypes.c_int64(1)) == 1
