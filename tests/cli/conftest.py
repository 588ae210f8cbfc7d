"""The program run within the test's own process, in a folder of its own, and a run to look at."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import nnkit
from nnkit.cli.app import main
from tests.cli.program import IRIS, UNSET, Answer, Program


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """`nnkit ARGUMENTS…`, called in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)

    def program(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["nnkit", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Answer(int(ended.value.code or 0), out, err)

    return program


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run on the iris table."""
    config = nnkit.load_config(IRIS, ["training.epochs=2"])
    return nnkit.train(config, runs=tmp_path_factory.mktemp("runs")).directory
