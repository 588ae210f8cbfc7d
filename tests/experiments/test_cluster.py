"""Before anything is trained elsewhere: addresses, and what a worker must have."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nnkit.errors import UsageError
from nnkit.experiments import cluster
from nnkit.experiments.cluster import (
    ClusterError,
    address_of,
    connect,
    obstacle,
    surroundings,
    versions,
)


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
    left = tmp_path / ".cluster-0.json"
    left.write_text("{}")
    with surroundings(tmp_path, []) as first, surroundings(tmp_path, []) as second:
        assert not left.exists()
        assert (obstacle(first), obstacle(second)) == (None, None)


def test_variables_of_nnkit_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNKIT_DATA", "data")
    monkeypatch.setenv("NNKIT_COMPILED", "0")
    with surroundings(tmp_path / "runs", []) as needed:
        passed = dict(needed.variables)
    assert passed["NNKIT_DATA"] == str(tmp_path / "data")
    assert passed["NNKIT_COMPILED"] == "0"


def test_an_address_or_a_scheduler_file(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": "tcp://10.0.0.1:8786"}))
    assert address_of(str(file)) == "tcp://10.0.0.1:8786"
    assert address_of("tls://head:8786") == "tls://head:8786"
    with pytest.raises(UsageError, match="give an address, such as tcp://host:8786, or a"):
        address_of("head:8786")
    for content in ("{}", "[]", "not JSON"):
        file.write_text(content)
        with pytest.raises(UsageError, match="not a scheduler file of Dask"):
            address_of(str(file))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("foo://host:1", "unknown address scheme 'foo'"),
        ("tcp://", "missing port number"),
        ("tls://host:8786", "TLS needs certificates in Dask's configuration"),
    ],
)
def test_an_address_that_cannot_be_right(address: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        connect(address)


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.1)
    with pytest.raises(ClusterError, match=r"answers at tcp://127.0.0.1:1 \(.*\); start one there"):
        connect("tcp://127.0.0.1:1")


def test_dask_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="--executor dask needs distributed: pip install dist"):
        connect("tcp://127.0.0.1:1")
