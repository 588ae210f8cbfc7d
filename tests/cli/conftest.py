"""Fixtures: nnkit run in the test's own process in a separate folder, and a finished run."""

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
    """Runs `nnkit ARGUMENTS…` in `tmp_path`."""
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
    """Returns the folder of a finished run on the iris table."""
    config = nnkit.load_config(IRIS, ["training.epochs=2"])
    return nnkit.train(config, runs=tmp_path_factory.mktemp("runs")).directory
