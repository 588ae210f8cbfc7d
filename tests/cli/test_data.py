"""`nnkit data`: list, check, fetch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import IRIS, ROOT, Program


def test_list_names_every_kind_of_source_and_where_mnist_is(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNKIT_DATA", str(ROOT / "data"))
    answer = program("data", "list")
    assert answer.code == 0
    for kind in ("mnist", "idx", "npy", "npz", "csv", "image_folder"):
        assert f"\n{kind}  " in answer.out
    assert answer.out.endswith(f"\nMNIST: {ROOT / 'data' / 'mnist'}\n")


def test_list_says_where_it_looked_in_vain(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NNKIT_DATA", "chosen")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = program("data", "list", "--json").json
    assert found["mnist"] is None
    assert found["looked_in"] == ["chosen", "data", str(tmp_path / "cache" / "nnkit" / "data")]
    assert "`nnkit data fetch mnist`" in program("data", "list").out


def test_check_counts_every_class_in_every_set(program: Program) -> None:
    answer = program("data", "check", IRIS)
    assert (answer.code, answer.err) == (0, "")
    assert "target     'species', 3 classes" in answer.out
    assert [line.split() for line in answer.out.splitlines()[-5:]] == [
        ["class", "validation", "test", "train"],
        ["setosa", "8", "10", "32"],
        ["versicolor", "7", "10", "33"],
        ["virginica", "7", "10", "33"],
        ["all", "22", "30", "98"],
    ]


def test_check_as_json(program: Program) -> None:
    found = program("data", "check", IRIS, "--json").json
    assert (found["raw_shape"], found["missing"]) == ([4], 0)
    assert found["sets"]["test"] == {"samples": 30, "per_class": [10, 10, 10]}


def test_check_of_damaged_data_is_exit_3_with_the_line(program: Program, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2\n3,y\n")
    answer = program("data", "check", IRIS, "--set", "data.source={kind: csv, path: t.csv}")
    assert (answer.code, answer.out) == (3, "")
    assert answer.errors[0].startswith(
        f"{tmp_path / 't.csv'}:3: 1 cells, but the rows above have 2"
    )


def test_check_of_a_missing_value_names_the_remedy(program: Program, tmp_path: Path) -> None:
    rows = "".join(f"{i},{'yes' if i % 2 else 'no'}\n" for i in range(20))
    (tmp_path / "t.csv").write_text(f"a,b\n,yes\n{rows}")
    answer = program("data", "check", IRIS, "--set", "data.source={kind: csv, path: t.csv}")
    assert answer.code == 3
    assert "column 'a' has" in answer.errors[0]
    assert "add 'impute' to data.preprocess" in answer.errors[0]


def test_only_known_data_can_be_fetched(program: Program) -> None:
    answer = program("data", "fetch", "cifar")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["no data set 'cifar' to fetch; there is mnist"]
