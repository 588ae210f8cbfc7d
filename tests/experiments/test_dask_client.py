"""Connections to a Dask cluster: addresses that cannot be right, and nobody who answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nnkit.errors import ClusterError, UsageError
from nnkit.experiments import dask_client
from nnkit.experiments.dask_client import address_of, connect


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
    monkeypatch.setattr(dask_client, "CONNECT_SECONDS", 0.1)
    with pytest.raises(ClusterError, match=r"answers at tcp://127.0.0.1:1 \(.*\); start one there"):
        connect("tcp://127.0.0.1:1")


def test_dask_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="--executor dask needs distributed: pip install dist"):
        connect("tcp://127.0.0.1:1")
