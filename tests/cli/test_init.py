"""`nnkit init`: a config to start from."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import nnkit
from nnkit.nn.form import Form
from tests.cli.program import SHORT, TABLES, Program


def test_what_it_writes_is_a_valid_config(program: Program, tmp_path: Path) -> None:
    answer = program("init")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "wrote config.yaml; `nnkit train config.yaml` trains it\n"
    assert program("config", "validate", "config.yaml").code == 0


def test_it_overwrites_nothing(program: Program, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine")
    answer = program("init")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["config.yaml already exists; choose another name with -o"]
    assert (tmp_path / "config.yaml").read_text() == "mine"


def test_a_folder_that_is_not_is_named(program: Program) -> None:
    answer = program("init", "-o", "nowhere/c.yaml")
    assert answer.code == 2
    assert answer.errors == ["nowhere/c.yaml: no such folder: nowhere"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--label", "species"), "--label and the options after it are for tables; give a table"),
        (("c.yaml",), "c.yaml is a config; `nnkit init -o c.yaml` writes one for MNIST, "),
        (("t.csv", "--delimiter", "tabs"), "--delimiter tabs: expected one character, tab or sp"),
        (("t.csv", "--task", "regression"), "--task regression: t.csv: column 'b' holds words, s"),
        (("t.csv", "--label", "c"), "--label c: t.csv: no column 'c'; available: a, b"),
        (("one.csv",), "one.csv: no input column is left besides the label 'a'; --task fore"),
        (("7.png",), "7.png: contains NUL characters; this is a picture, not a table; `nnkit pred"),
        (("missing.csv",), "missing.csv: no such file"),
        (("missing.npz",), "missing.npz: no such file"),
    ],
)
def test_mistakes_say_what_to_do_and_leave_no_config(
    program: Program, tmp_path: Path, arguments: tuple[str, ...], error: str
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n3,x\n")
    (tmp_path / "one.csv").write_text("a\n1\n2\n3\n")
    Image.new("L", (8, 8)).save(tmp_path / "7.png")
    answer = program("init", *arguments)
    assert answer.code in (2, 3)
    assert f"{answer.errors[0]}\n".startswith(error)
    assert list(tmp_path.glob("*.yaml")) == []


def test_the_former_spelling_works_and_names_the_new_one(program: Program, tmp_path: Path) -> None:
    answer = program("init", "c.yaml", "--csv", TABLES / "iris.csv")
    assert answer.code == 0
    assert answer.err.startswith("`nnkit init --csv` is now `nnkit init ")
    assert (tmp_path / "c.yaml").exists()


# Nothing can be held out of four rows, as in xor.csv, and el_nino.csv is one series.
NO_STARTERS = {TABLES / "xor.csv", TABLES / "el_nino.csv"}


@pytest.mark.parametrize(
    "table", sorted(set(TABLES.glob("*.csv")) - NO_STARTERS), ids=lambda path: path.stem
)
def test_fitted_to_a_table_it_fits(program: Program, table: Path) -> None:
    assert program("init", table).code == 0
    assert program("config", "validate", f"{table.stem}.yaml", "--data").code == 0


def test_fitted_to_words_and_missing_values_it_trains(program: Program, tmp_path: Path) -> None:
    rows = [
        f'"{"Oslo, N" if i % 3 else "Rome"}",{"" if i % 5 == 0 else i},{i % 2},{i or "NA"}'
        for i in range(60)
    ]
    folder = tmp_path / "my tables"
    folder.mkdir()
    (folder / "t: 1.csv").write_text("\n".join(['city,"age: #",is it?,"a,b"', *rows]))
    (tmp_path / "configs").mkdir()
    program("init", "my tables/t: 1.csv", "--label", "is it?", "-o", "configs/c.yaml")
    text = (tmp_path / "configs" / "c.yaml").read_text()
    assert "preprocess: [impute, standardize, {one_hot: {unknown: ignore}}]" in text
    assert "# 60 rows, 3 inputs, to predict 2 classes." in text
    answer = program("train", "configs/c.yaml", "--set", "training.epochs=2", "--quiet")
    assert answer.code == 0, answer.err
    assert "accuracy" in answer.out


@pytest.mark.parametrize(
    ("labels", "said", "lines"),
    [
        (("x1", "x2"), "labels 'x1', 'x2': taken as 2 numbers", ["squared_error", "standardize"]),
        (("yes", "no"), "labels 'yes', 'no': taken as 2 yes/no labels", ["binary_cross_entropy"]),
    ],
)
def test_several_labels(
    labels: tuple[str, str], said: str, lines: list[str], program: Program, tmp_path: Path
) -> None:
    rows = (f"{i * 37 % 101},{i * 13 % 7}.5,{i % 2},{i // 3 % 2}\n" for i in range(40))
    (tmp_path / "t.csv").write_text("x1,x2,yes,no\n" + "".join(rows))
    answer = program("init", "t.csv", "--label", labels[0], "--label", labels[1])
    assert said in answer.err
    text = (tmp_path / "t.yaml").read_text()
    assert all(line in text for line in lines)
    assert program("train", "t.yaml", "--set", "training.epochs=2", "--quiet").code == 0


def test_few_rows_are_all_trained_on(program: Program, tmp_path: Path) -> None:
    def text(rows: int) -> str:
        table = "a,y\n" + "".join(f"{i * 37 % 101}.5,{i * 13 % 7}.25\n" for i in range(rows))
        (tmp_path / "t.csv").write_text(table)
        program("init", "t.csv", "-o", f"{rows}.yaml")
        return (tmp_path / f"{rows}.yaml").read_text()

    assert "split: {validation: 0, test: 0}" in text(12)
    assert "split: {validation: 0, test: 0.2}" in text(100)
    assert "early_stopping" not in text(100)
    assert "split: {validation: 0.1, test: 0.2}" in text(600)
    assert "early_stopping" in text(600)


ROWS = 60
MESSY = "\n".join(
    [
        "Sales 2024",
        "id;price;sold on;plan;country;postcode;won",
        *(
            f"u{i};{'~' * (i == 9)}{i * 37 % 101},{i % 10};{i % 28 + 1}.{i % 12 + 1}.2024;"
            f"{i % 3 or '3+'};DE;{'?' if i == 7 else i % 90};{'yes' if i % 2 else 'no'}"
            for i in range(ROWS)
        ),
        "Total;1.000,5;;;;;yes",
    ]
)


def test_everything_that_was_decided_is_in_the_config_and_said(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(MESSY)
    answer = program("init", "t.csv")
    assert answer.code == 0, answer.err
    text = (tmp_path / "t.yaml").read_text(encoding="utf-8")
    for line, said in (
        ("    task: classification", "taken as 2 classes"),
        ('    delimiter: ";"', "cells are separated by semicolons"),
        ("    skip_rows: 1", "above the table, line 1 holds 'Sales 2024'"),
        ('    decimal: ","', "column 'price' holds numbers such as '0,0'"),
        ("      # line 63, 'Total', is a total\n      - 63", "leave_out: [63]"),
        ("      # column 'country' never changes\n      - country", "ignore: [country]"),
        ("      sold on: {parts: [elapsed_days, month, weekday], order: day_first}", "dates"),
        ('      - "~30,9"', "59 of 60 cells are numbers, but line 12 holds '~30,9'"),
    ):
        assert line in text
        assert said in answer.err
    assert "      - id\n" in text
    assert max(map(len, answer.err.splitlines())) <= 80
    assert program("data", "check", "t.yaml").code == 0


def test_the_report_as_json(program: Program, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(MESSY)
    found = program("init", "t.csv", "--json").json
    assert found["config"] == "t.yaml"
    kinds = {column["name"]: column["kind"] for column in found["columns"]}
    assert kinds == {
        "id": "unique",
        "price": "numbers",
        "sold on": "dates",
        "plan": "words",
        "country": "constant",
        "postcode": "numbers",
        "won": "words",
    }
    assert any("taken as 2 classes" in remark for remark in found["remarks"])


def test_what_the_user_says_goes_before_what_is_found_out(program: Program, tmp_path: Path) -> None:
    rows = "\n".join(f"{i}.5|{i % 5}|{'none yet' if i == 3 else i}" for i in range(40))
    (tmp_path / "t.txt").write_text(f"{rows}\n")
    options = ("--task", "regression", "--delimiter", "|", "--no-header", "--missing", "none yet")
    answer = program("init", "t.txt", "--label", "1", *options)
    assert answer.code == 0, answer.err
    text = (tmp_path / "t.yaml").read_text()
    for line in ("label: 1", "task: regression", 'delimiter: "|"', "header: false"):
        assert f"    {line}\n" in text
    assert "also_missing: [none yet]" in text
    assert "loss: squared_error" in text


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        ([str(i % 3) for i in range(30)], "3 different whole numbers: taken as 3 classes; --task"),
        ([str(i) for i in range(15)], "label 'y': taken as a number; --task classification"),
        ([f"{i % 2}.5" for i in range(30)], "label 'y': taken as a number wrote"),
        ([str(1000 * i) for i in range(15)], "label 'y': taken as a number wrote"),
        (["yes", "no"] * 10, "2 different words: taken as 2 classes"),
    ],
)
def test_it_says_what_the_label_is_taken_for(
    program: Program, tmp_path: Path, labels: list[str], task: str
) -> None:
    rows = "\n".join(f"{i * 7 % 11}.5,{label}" for i, label in enumerate(labels))
    (tmp_path / "t.csv").write_text(f"x,y\n{rows}\n")
    answer = program("init", "t.csv")
    assert task in " ".join(answer.err.split())


def test_one_input_is_not_inputs(program: Program, tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i % 2}" for i in range(1_200))
    (tmp_path / "t.csv").write_text(f"a,b\n{rows}\n", encoding="utf-8")
    assert program("init", "t.csv").code == 0
    first = (tmp_path / "t.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# 1,200 rows, 1 input, to predict 2 classes."


def test_pictures_in_folders(program: Program, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (30, 30), 20 * i).save(tmp_path / "pets" / name / f"{i}.png")
    answer = program("init", "pets")
    assert "targets: taken as 2 classes: cat, dog" in answer.err
    short = ("--set", "training.epochs=1", "--quiet")
    assert program("train", "pets.yaml", *short).code == 0


@pytest.mark.parametrize(
    ("form", "settings", "high"),
    [
        ("{:,.2f} kg", ['thousands: ","', "units: [kg]"], 1060.5),
        ("{:,.0f}.-", ['thousands: ","', 'units: [".-"]'], 1060),
        ("{:.1f} °C", ['units: ["°C"]'], 1060.5),
    ],
)
def test_a_unit_of_all_cells_is_found(
    form: str, settings: list[str], high: float, program: Program, tmp_path: Path
) -> None:
    rows = [f'"{form.format(i * 37 % 101 * 10 + 60.5)}",{"ab"[i % 2]}' for i in range(101)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]), encoding="utf-8")
    answer = program("init", "t.csv")
    assert answer.code == 0, answer.err
    assert all(setting in answer.err for setting in settings)
    (column,) = nnkit.load_config(tmp_path / "t.yaml").data.source.load().columns
    assert not column.categories
    inputs = nnkit.load_config(tmp_path / "t.yaml").data.source.load().samples.inputs
    assert np.asarray(inputs).max() == high


def test_identifiers_with_a_suffix_are_not_inputs(program: Program, tmp_path: Path) -> None:
    rows = [f"{i}-A,{i:04}K,{i % 7},{'ab'[i % 2]}" for i in range(100)]
    (tmp_path / "t.csv").write_text("\n".join(["code,key,x,y", *rows]))
    program("init", "t.csv")
    columns = nnkit.load_config(tmp_path / "t.yaml").data.source.load().columns
    assert [column.name for column in columns] == ["x"]


def test_the_column_without_a_name_is_called_so(program: Program, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "\n".join([",x,y", *(f"{i},{i % 7},{'ab'[i % 2]}" for i in range(60))])
    )
    said = "the column without a name is a number for each row: ignore"
    assert said in program("init", "t.csv").err
    keep = ("--set", "data.source.ignore=[]", "--set", "training={epochs: 1}", "-q")
    assert program("train", "t.yaml", *keep).code == 0
    (tmp_path / "new.csv").write_text("x,z\n1,2\n")
    answer = program("predict", "new.csv", "-c", "t")
    assert answer.errors == ["new.csv: no column without a name; available: x, z"]


def test_a_damaged_picture_is_left_out_and_named(program: Program, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (30, 30), 20 * i).save(tmp_path / "pets" / name / f"{i}.png")
    broken = tmp_path / "pets" / "dog" / "7.png"
    broken.write_bytes(broken.read_bytes()[:50])
    said = "1 of 24 pictures cannot be read and is left out (unreadable: drop): "
    assert said in " ".join(program("init", "pets").err.split())
    text = (tmp_path / "pets.yaml").read_text(encoding="utf-8")
    assert "# 23 pictures, to predict 2 classes." in text
    assert "    # some pictures cannot be read; `nnkit data check` names them\n" in text
    assert "    unreadable: drop\n" in text
    trained = program("train", "pets.yaml", "--set", "training.epochs=1", "--quiet")
    assert (trained.code, said in " ".join(trained.err.split())) == (0, True)
    refused = program("data", "check", "pets.yaml", "--set", "data.source.unreadable=error")
    remedy = "repair or remove it, or set data.source.unreadable: drop"
    assert (refused.code, remedy in refused.err) == (3, True)


@pytest.mark.parametrize("shape", [(40, 5), (40, 12, 10), (40, 2, 3, 3)])
@pytest.mark.parametrize("names", [("inputs", "targets"), ("X_train", "y_train")])
def test_arrays(
    program: Program, tmp_path: Path, shape: tuple[int, ...], names: tuple[str, str]
) -> None:
    X, y = np.arange(np.prod(shape)).reshape(shape) % 7 / 7, np.arange(len(np.empty(shape))) % 3
    arrays = {names[0]: X, names[1]: y}
    if names[0] == "X_train":
        arrays |= {"X_test": X[:9], "y_test": y[:9]}
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    assert program("init", "a.npz").code == 0
    config = nnkit.load_config(tmp_path / "a.yaml")
    assert config.data.split.test == (None if names[0] == "X_train" else 0.2)
    answer = program("train", "a.yaml", "--set", "training.epochs=1", "--quiet")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(("shape", "taken"), [((3, 50), "150 separate"), ((50, 12), "grey pi")])
def test_arrays_may_be_sequences(
    program: Program, tmp_path: Path, shape: tuple[int, int], taken: str
) -> None:
    np.savez(tmp_path / "a.npz", X=np.zeros((30, *shape)), y=np.arange(30) % 3)
    said = " ".join(program("init", "a.npz").err.split())
    assert f"inputs: taken as {taken}" in said
    advice = re.findall(r"\[(?:rows|reshape).*?auto\]", said)
    forms = [(height, width) for height, width in (shape, shape[::-1])]
    assert len(advice) == 2
    for layers, (steps, numbers) in zip(advice, forms, strict=True):
        assert f"{steps} steps with {numbers} numbers each" in said
        config = nnkit.load_config(tmp_path / "a.yaml", [f"architecture.layers={layers}"])
        read = [stage.input_form for stage in nnkit.build_model(config).stages]
        assert Form(numbers, (steps,)) in read


def test_two_files_of_arrays(program: Program, tmp_path: Path) -> None:
    np.save(tmp_path / "a-inputs.npy", np.arange(80.0).reshape(40, 2) % 7)
    answer = program("init", "a-inputs.npy")
    assert (answer.code, "no targets found beside it" in answer.errors[0]) == (3, True)
    np.save(tmp_path / "a-targets.npy", np.arange(40.0))
    assert program("init", "a-inputs.npy").code == 0
    assert program("train", "a-inputs.yaml", "--set", "training.epochs=1", "-q").code == 0


def test_rows_without_a_label_are_left_out_and_counted(program: Program, tmp_path: Path) -> None:
    lines = ["x,y", *(f"{i * 7 % 11}.5,{'' if i in (4, 9) else 'ab'[i % 2]}" for i in range(40))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    answer = program("init", "t.csv")
    text = (tmp_path / "t.yaml").read_text(encoding="utf-8")
    assert "# 2 of 40 rows have no label 'y', the first in line 6\n    missing_target: drop" in text
    assert "# 38 rows, 1 input, to predict 2 classes." in text
    said = (
        "t.csv:6: the label 'y' is missing; 2 of 40 rows lack it and are left out (missing_target"
    )
    for shown in (answer.err, program("data", "check", "t.yaml").err):
        assert " ".join(shown.split()).count(said) == 1
    trained = program("train", "t.yaml", "-q", "--set", "training={epochs: 1}")
    assert said in " ".join(trained.err.split())
    program("eval", "t", "--split", "train", "--predictions", "p.csv")
    for row in (tmp_path / "p.csv").read_text().splitlines()[1:]:
        _, number, line, target, *_ = row.split(",")
        assert lines[int(line) - 1].endswith(f",{target}")
        assert int(line) == int(number) + 1


def test_each_of_several_labels_is_named_with_its_missing_cells(
    program: Program, tmp_path: Path
) -> None:
    def text(without_a: int = -1, without_b: int = -1) -> str:
        cells = ((i, "" if i == without_a else i % 9, "" if i == without_b else i % 5) for i in ids)
        return "x,a,b\n" + "".join(f"{i * 7 % 11}.5,{a},{b}\n" for i, a, b in cells)

    ids = range(40)
    labels = ("--label", "a", "--label", "b")
    (tmp_path / "t.csv").write_text(text(3, 6))
    answer = program("init", "t.csv", *labels)
    reason = " ".join((tmp_path / "t.yaml").read_text(encoding="utf-8").replace("#", "").split())
    assert (
        "1 of 40 rows have no label 'a', the first in line 5; 1 of 40 rows have no label 'b', the "
        "first in line 8 missing_target: drop"
    ) in reason
    assert "t.csv:5: the label 'a' is missing; 2 of 40 rows lack a label and are left out" in (
        " ".join(answer.err.split())
    )
    # Only the last label has gaps, and only in the test set.
    (tmp_path / "whole.csv").write_text(text())
    (tmp_path / "test.csv").write_text(text(without_b=6))
    program("init", "whole.csv", *labels, "--test", "test.csv")
    held_out = (tmp_path / "whole.yaml").read_text(encoding="utf-8")
    assert "# 1 of 40 rows of test.csv have no label 'b'\n    missing_target: drop\n" in held_out
    assert program("train", "whole.yaml", "-q", "--set", "training={epochs: 1}").code == 0


def test_the_test_set_may_be_another_table(program: Program, tmp_path: Path) -> None:
    rows = [f"{'ab'[i % 2]},{i * 7 % 11}.5" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["y,x", *rows]))
    (tmp_path / "u.csv").write_text("id,x,y\n1,2,a\n2,3,b\n3,4,\n4,5,a\n")
    answer = program("init", "t.csv", "--label", "y", "--test", "u.csv")
    assert answer.code == 0, answer.err
    text = (tmp_path / "t.yaml").read_text(encoding="utf-8")
    for line in (
        "    path: t.csv\n    test: u.csv\n    label: y\n",
        "    # 1 of 4 rows of u.csv have no label 'y'\n    missing_target: drop\n",
        "  split: {validation: 0}  # too few samples for a validation set",
        "; the test set is the data's own\n",
    ):
        assert line in text
    checked = program("data", "check", "t.yaml")
    assert f"test       {tmp_path / 'u.csv'}\n" in checked.out
    assert "u.csv:4: the label 'y' is missing; 1 of 4 rows lacks it and is left out" in " ".join(
        checked.err.split()
    )
    assert program("train", "t.yaml", "-q", "--set", "training={epochs: 1}").code == 0
    (tmp_path / "moved").mkdir()
    for name in ("t.csv", "u.csv"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    found = program("eval", "t", "--data", "moved/t.csv", "--predictions", "p.csv", "--json").json
    assert (found["split"], found["samples"]) == ("test", 3)
    written = (tmp_path / "p.csv").read_text().splitlines()[1:]
    assert [row.split(",")[1:3] for row in written] == [["1", "2"], ["2", "3"], ["4", "5"]]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ("--test", "t.csv"),
            "--validation and --test are for tables, image folders and .npz",
        ),
        (("t.csv", "--test", "none.csv"), "none.csv: no such file"),
        (
            ("t.csv", "--validation", "u.csv"),
            "u.csv: no column 'b'; available: a, c; without la",
        ),
    ],
)
def test_held_out_sets_that_do_not_fit_leave_no_config(
    program: Program, tmp_path: Path, arguments: tuple[str, ...], error: str
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n3,x\n")
    (tmp_path / "u.csv").write_text("a,c\n1,2\n")
    answer = program("init", *arguments)
    assert answer.code in (2, 3)
    assert answer.errors[0].startswith(error)
    assert list(tmp_path.glob("*.yaml")) == []


def test_held_out_sets_of_pictures_and_archives(program: Program, tmp_path: Path) -> None:
    for name in ("a", "b"):
        for place in ("pictures", "other"):
            (tmp_path / place / name).mkdir(parents=True)
            for i in range(20 if place == "pictures" else 3):
                Image.new("L", (9, 9), i).save(tmp_path / place / name / f"{i}.png")
    np.savez(tmp_path / "t.npz", X=np.eye(30), y=np.arange(30) % 2)
    np.savez(tmp_path / "u.npz", X=np.ones((4, 30)), y=[0, 1, 0, 1])
    for data, other, samples in (("pictures", "other", 6), ("t.npz", "u.npz", 4)):
        options = ("--validation", other, "-o", "c.yaml")
        assert program("init", data, *options).code == 0
        checked = program("data", "check", "c.yaml", "--json").json
        assert checked["sets"]["validation"]["samples"] == samples
        assert checked["sets"]["test"]["samples"] > 0
        (tmp_path / "c.yaml").unlink()


def test_a_time_series(program: Program, tmp_path: Path) -> None:
    lines = [f"{2000 + i};{i % 7},5;{i}\n" for i in range(120)]
    (tmp_path / "s.csv").write_text("Sales by year\nyear;sold;lost\n" + "".join(lines))
    answer = program("init", "s.csv", "--task", "forecast", "--label", "sold")
    assert answer.code == 0, answer.err
    assert "12 successive rows predict the next value of 'sold'" in " ".join(answer.err.split())
    source = yaml.safe_load((tmp_path / "s.yaml").read_text())["data"]["source"]
    found = {"label": "sold", "window": 12, "delimiter": ";", "skip_rows": 1, "decimal": ","}
    assert source == {"kind": "series", "path": "s.csv", **found}
    assert program("train", "s.yaml", *SHORT, "--quiet").code == 0


def test_several_series(program: Program, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("".join(f"{i},{i / 2},{-i}\n" for i in range(400)))
    labels = ("--label", "1", "--label", "2")
    assert program("init", "s.csv", "--task", "forecast", *labels).code == 0
    config = yaml.safe_load((tmp_path / "s.yaml").read_text())
    assert config["data"]["source"] == {
        "kind": "series",
        "path": "s.csv",
        "label": [1, 2],
        "header": False,
        "window": 24,
    }
    assert config["architecture"]["layers"][-1] == {"dense": 2}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "--task forecast is for tables; give one with a row for each time"),
        (("s.csv",), "{}/s.csv:3: column 'x' is missing; "),
        (("s.csv", "--label", "y"), "data.source.label: {}/s.csv: no column 'y'; available: t, x"),
        (("s.csv", "--missing", "-9"), "--missing and --unit are not for --task forecast"),
        (("s.csv", "--test", "s.csv"), "--task forecast holds out the last rows"),
    ],
)
def test_mistakes_about_a_time_series(
    program: Program, tmp_path: Path, arguments: tuple[str, ...], error: str
) -> None:
    (tmp_path / "s.csv").write_text("t,x\n1,2\n2,\n3,4\n")
    answer = program("init", *arguments, "--task", "forecast")
    assert answer.code in (2, 3)
    assert answer.errors[0].startswith(error.format(tmp_path))


def test_the_last_column_of_numbers_is_forecast(program: Program, tmp_path: Path) -> None:
    rows = "".join(
        f"2020-01-{i % 28 + 1:02},{i % 5}.5,{'on' if i % 2 else 'off'}\n" for i in range(15)
    )
    (tmp_path / "s.csv").write_text(f"day,load,fan\n{rows}")
    answer = program("init", "s.csv", "--task", "forecast")
    assert answer.code == 0
    assert "1 row predicts the next value of 'load'" in " ".join(answer.err.split())


def test_a_table_that_may_be_a_time_series_names_the_task(program: Program, tmp_path: Path) -> None:
    days = [f"{2000 + i // 12}-{i % 12 + 1:02}-05,{i % 12},{i % 7}.5\n" for i in range(60)]
    (tmp_path / "s.csv").write_text("day,wind,sold\n" + "".join(days))
    assert "--task forecast" in program("init", "s.csv").err
    (tmp_path / "n.csv").write_text("id,sold\n" + "".join(f"a{i},{i}.5\n" for i in range(60)))
    assert "--task forecast predicts it" in program("init", "n.csv").errors[0]


def test_a_folder_of_texts_becomes_a_language_model(program: Program, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    for name in "ab":
        (tmp_path / "letters" / f"{name}.txt").write_text(
            f"The letter {name} of the alphabet. " * 20
        )
    answer = program("init", "letters")
    assert answer.code == 0
    assert "taken as one long text" in answer.err
    assert "letters: 2 text files, read one after the other" in answer.err
    assert program("config", "validate", "letters.yaml", "--data").code == 0
    answer = program("init", "letters", "-o", "other.yaml", "--task", "translation")
    assert (answer.code, answer.errors) == (
        2,
        ["--task translation is for a file, but letters is a folder"],
    )
