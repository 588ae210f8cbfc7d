"""Tests of the check that the files of a config's data exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.errors import DataError
from nnkit.task.config_loading import load_config
from nnkit.task.data_files import check_data_files
from nnkit.task.task_loading import load_task


def config(folder: Path, source: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(f"data:\n  source: {source}\narchitecture: {{layers: [dense: 2]}}\n")
    return path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{kind: csv, path: irsi.csv}", "2:29: data.source.path: {}irsi.csv: no such file; did "),
        ("{kind: csv, path: other.csv}", "2:29: data.source.path: {}other.csv: no such file"),
        (
            "{kind: csv, path: iris.csv, test: a/b.csv}",
            "2:45: data.source.test: {}a/b.csv: no such file; ",
        ),
        ("{kind: npy, inputs: x.npy, targets: y.npy}", "2:31: data.source.inputs: {}x.npy: no "),
        ("{kind: image_folder, path: x}", "2:38: data.source.path: {}x: no such file or folder"),
    ],
)
def test_a_missing_file_is_told_with_its_place(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "iris.csv").write_text("a,b\n1,2\n")
    path = config(tmp_path, source)
    with pytest.raises(DataError) as caught:
        load_task(load_config(path))
    assert f"{caught.value}".startswith(f"{path}:{message.format(f'{tmp_path}/')}")


def test_advice_is_given_where_there_is_any(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").touch()
    for place, advice in (
        ("irsi.csv", "; did you mean 'iris.csv'?"),
        ("numbers.txt", ""),
        ("nowhere/iris.csv", f"; there is no folder {tmp_path}/nowhere"),
    ):
        with pytest.raises(DataError) as caught:
            check_data_files(load_config(config(tmp_path, f"{{kind: csv, path: {place}}}")))
        assert str(caught.value).endswith(f"{place}: no such file{advice}")


def test_a_column_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").touch()
    source = "{kind: csv, path: iris.csv, weights: counted}"
    check_data_files(load_config(config(tmp_path, source)))
