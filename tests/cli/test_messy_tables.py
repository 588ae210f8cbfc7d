"""Property tests of `init`, `data check` and `train` on tables with all kinds of faults."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnkit
from tests.cli.program import Program
from tests.messy_tables import messy_table


def check(program: Program, folder: Path, seed: int, *, train: bool) -> None:
    """Checks that a table works, or that the error says what to do, and that nothing is silent."""
    table = messy_table(seed)
    (folder / "t.csv").write_bytes(table.content)
    config = folder / "t.yaml"
    config.unlink(missing_ok=True)
    options = ("--label", table.label) if "no header" not in table.faults else ()
    answer = program("init", "t.csv", *options)
    about = f"seed {seed}: {table.faults}\n{answer.err}"
    assert "unexpected" not in answer.err, about
    if answer.code:
        assert answer.code in (2, 3), about
        assert "ragged" in table.faults or "no header" in table.faults, about
        return
    columns = nnkit.load_config(config).data.source.load().columns
    for column in columns:
        if column.name in table.numbers and column.categories:
            # A repeated name is a column of words here.
            assert "duplicate headers" in table.faults or column.name in _said(answer.err), about
    checked = program("data", "check", config)
    assert checked.code == 0, f"{about}\n{checked.err}"
    if train:
        short = ("--set", "training.epochs=1", "--quiet", "--restart")
        trained = program("train", config, *short)
        assert trained.code == 0, f"{about}\n{trained.err}"


def _said(text: str) -> str:
    """The messages below the table of columns."""
    return text.partition("\n\n")[2]


@pytest.mark.parametrize("seed", range(1_000, 1_012))
def test_a_messy_table(seed: int, program: Program, tmp_path: Path) -> None:
    check(program, tmp_path, seed, train=False)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_five_hundred_messy_tables(first: int, program: Program, tmp_path: Path) -> None:
    for seed in range(first, first + 50):
        check(program, tmp_path, seed, train=True)
