"""The surroundings of a batch, which a worker may lack."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from nnkit.experiments.surroundings import obstacle, surroundings, versions


def test_this_process_has_its_own_surroundings(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("x,y\n1,a\n")
    with surroundings(tmp_path / "runs", [data]) as needed:
        assert obstacle(needed) is None
        assert dict(needed.versions) == dict(versions())
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_a_worker_lacks_is_named(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.csv" for name in "abcde"]
    for file in files:
        file.write_text("x,y\n1,a\n")
    runs = tmp_path / "runs"
    with surroundings(runs, files) as needed:
        older = replace(needed, versions=(("nnkit", "0.0.9"), *versions()[1:]))
        assert f"it has nnkit {versions()[0][1]}, not 0.0.9" == obstacle(older)
        elsewhere = replace(needed, folder=str(tmp_path / "none"))
        assert f"it has no folder {tmp_path / 'none'}" in str(obstacle(elsewhere))
        other = replace(needed, ticket=str(tmp_path / "none" / "ticket.json"))
        assert "is not the folder of the runs here" in str(obstacle(other))
        copy = tmp_path / "ticket.json"
        copy.write_bytes(Path(needed.ticket).read_bytes())
        unlocked = replace(needed, ticket=str(copy))
        assert "file locks of other machines have no effect" in str(obstacle(unlocked))
        files[0].write_text("x,y\n")
        for file in files[1:]:
            file.unlink()
        listed = ", ".join(map(str, files[:3]))
        assert f"it does not have the same {listed} and 2 more" in str(obstacle(needed))


def test_only_what_killed_batches_left_is_removed(tmp_path: Path) -> None:
    names = (".cluster-0.json", ".cluster-1.new", ".cluster-2.new")
    left, begun, begun_long_ago = [tmp_path / name for name in names]
    for file in (left, begun, begun_long_ago):
        file.write_text("{}")
    os.utime(begun_long_ago, (0, 0))
    with surroundings(tmp_path, []) as first, surroundings(tmp_path, []) as second:
        assert [file.exists() for file in (left, begun, begun_long_ago)] == [False, True, False]
        assert (obstacle(first), obstacle(second)) == (None, None)
    assert list(tmp_path.iterdir()) == [begun]


def test_variables_of_nnkit_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNKIT_DATA", "data")
    monkeypatch.setenv("NNKIT_NATIVE", "0")
    with surroundings(tmp_path / "runs", []) as needed:
        passed = dict(needed.variables)
    assert passed["NNKIT_DATA"] == str(tmp_path / "data")
    assert passed["NNKIT_NATIVE"] == "0"
