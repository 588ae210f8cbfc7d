"""Generated tables with plain answers: `nnkit init` and `nnkit train` alone, with scikit-learn.

python -m benchmarks.plain_answers

Six tables of the kinds that people have, each with a rule and noise: prices, a rare class, dates,
words, several numbers to predict, several yes/no labels. The peer is scikit-learn's MLP after the
preparation that an expert would write for the table, with the penalty chosen by cross-validation,
and is tested on the same rows. Printed are the commands and the accuracy or R² of both.
"""

from __future__ import annotations

import csv
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.tables import judge

Array = NDArray[Any]

CLOSE = 0.02  # a difference that is not counted against either
PENALTIES = (1e-4, 1e-2, 1.0)  # of which the peer takes the best


@dataclass(frozen=True)
class PlainTable:
    """A generated table.

    Attributes:
        columns: the columns of the file, the labels last.
        labels: how many of them are labels.
        numbers: what an expert makes numbers of for the peer, (rows, any).
        words: what an expert encodes as one-hot, (rows, any).
    """

    columns: Mapping[str, Sequence[Any] | Array]
    labels: int
    numbers: Array
    words: Array

    @property
    def targets(self) -> Array:
        """The labels, (rows,), or (rows, labels) if there are several."""
        last = list(self.columns.values())[-self.labels :]
        return np.asarray(last[0]) if self.labels == 1 else np.column_stack(last)


def prices(dice: Generator) -> PlainTable:
    """Prices that are linear in the area, the rooms and the age of a house."""
    area, age = dice.uniform(30, 200, 600).round(1), dice.integers(0, 90, 600)
    rooms = dice.integers(1, 8, 600)
    price = 2_400 * area + 15_000 * rooms - 900 * age + dice.normal(0, 20_000, 600)
    columns = {"area": area, "rooms": rooms, "age": age, "price": price.round()}
    return PlainTable(columns, 1, np.column_stack([area, rooms, age]), _none(600))


def rare_class(dice: Generator) -> PlainTable:
    """Two classes, of which one has 8 % of the rows."""
    X = dice.normal(size=(2_000, 4)).round(3)
    score = 2 * X[:, 0] - X[:, 1] + X[:, 2] * X[:, 3] + dice.normal(0, 0.5, 2_000)
    fraud = np.where(score > np.quantile(score, 0.92), "yes", "no")
    names = ("amount", "age", "distance", "hour")
    columns = {name: X[:, i] for i, name in enumerate(names)} | {"fraud": fraud}
    return PlainTable(columns, 1, X, _none(2_000))


def dates(dice: Generator) -> PlainTable:
    """Sales that grow over the years, and depend on the weekday and the season."""
    days = [date(2021, 1, 1) + timedelta(int(n)) for n in dice.integers(0, 1_400, 1_000)]
    elapsed = np.array([(day - date(2021, 1, 1)).days for day in days])
    month, weekday = np.array([(day.month, day.isoweekday()) for day in days]).T
    season = 15 * np.sin(2 * np.pi * month / 12)
    sales = 100 + 0.05 * elapsed + 20 * (weekday >= 6) + season + dice.normal(0, 4, 1_000)
    columns = {"day": [day.strftime("%d.%m.%Y") for day in days], "sales": sales.round(1)}
    return PlainTable(columns, 1, np.column_stack([elapsed, month, weekday]), _none(1_000))


def words(dice: Generator) -> PlainTable:
    """Rents that depend on the district and the kind of a flat, and on its area."""
    district, kind = dice.integers(0, 15, 1_500), dice.integers(0, 4, 1_500)
    area = dice.uniform(20, 120, 1_500).round(1)
    level, factor = dice.uniform(8, 22, 15), np.array([1.0, 1.2, 0.9, 1.5])
    rent = level[district] * factor[kind] * area * np.exp(dice.normal(0, 0.08, 1_500))
    named = np.column_stack(
        [[f"district {i}" for i in district], np.array(["flat", "loft", "room", "house"])[kind]]
    )
    columns = {"district": named[:, 0], "kind": named[:, 1], "area": area, "rent": rent.round(2)}
    return PlainTable(columns, 1, area[:, None], named)


def several_numbers(dice: Generator) -> PlainTable:
    """Three numbers of very different size to predict from five."""
    X = dice.normal(size=(800, 5)).round(3)
    Y = np.column_stack([X[:, 0] + X[:, 1] ** 2, 1_000 * X[:, 2] * X[:, 3], 0.01 * X.sum(axis=1)])
    Y += dice.normal(size=Y.shape) * 0.1 * Y.std(axis=0)
    columns = {f"x{i}": X[:, i] for i in range(5)}
    columns |= {name: Y[:, i].round(5) for i, name in enumerate(("height", "force", "flow"))}
    return PlainTable(columns, 3, X, _none(800))


def yes_no_labels(dice: Generator) -> PlainTable:
    """Three yes/no labels, written as 1 and 0."""
    X = dice.normal(size=(1_200, 5)).round(3)
    scores = np.column_stack([X[:, 0] - X[:, 1], X[:, 2] * X[:, 3], X[:, 4] + X[:, 0] ** 2 - 1])
    Y = (scores + dice.normal(0, 0.3, scores.shape) > 0).astype(int)
    columns = {f"x{i}": X[:, i] for i in range(5)}
    columns |= {name: Y[:, i] for i, name in enumerate(("urgent", "spam", "paid"))}
    return PlainTable(columns, 3, X, _none(1_200))


TABLES: tuple[Callable[[Generator], PlainTable], ...] = (
    *(prices, rare_class, dates, words, several_numbers, yes_no_labels),
)


def _none(rows: int) -> Array:
    """No words."""
    return np.empty((rows, 0), dtype=str)


def main() -> None:
    """Prints the commands and the results of each table."""
    within = 0
    for number, make in enumerate(TABLES):
        with TemporaryDirectory() as folder:
            within += compare(make.__name__, make(np.random.default_rng(number)), Path(folder))
    print(f"{within} of {len(TABLES)} within {CLOSE} or better")


def compare(name: str, table: PlainTable, folder: Path) -> bool:
    """Prints a table's commands and results; returns whether nnkit is as good as the peer."""
    write(folder / f"{name}.csv", table)
    # The last column is the label unless there are several.
    labels = list(table.columns)[-table.labels :] if table.labels > 1 else []
    options = [word for label in labels for word in ("--label", label)]
    for command in (["init", f"{name}.csv", *options], ["train", f"{name}.yaml", "--quiet"]):
        print(f"$ nnkit {shlex.join(command)}")
        subprocess.run(
            [sys.executable, "-m", "nnkit", *command], cwd=folder, check=True, capture_output=True
        )
    found, test = judge(folder / f"{name}.yaml", folder)
    metric = "r2" if "r2" in found else "accuracy"
    peer = best_peer(table, np.asarray(test), metric)
    print(f"{metric} of nnkit {found[metric]:.3f}, of scikit-learn {peer:.3f}\n", flush=True)
    return bool(found[metric] >= peer - CLOSE)


def write(path: Path, table: PlainTable) -> None:
    """Writes a table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows(zip(*table.columns.values(), strict=True))


def best_peer(table: PlainTable, test: Array, metric: str) -> float:
    """The metric of scikit-learn's MLP on the rows `test` after training on the others."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X = np.column_stack([table.numbers.astype(object), table.words.astype(object)])
    width, y = table.numbers.shape[1], table.targets
    prepared = make_column_transformer(
        (StandardScaler(), list(range(width))),
        (OneHotEncoder(handle_unknown="ignore"), list(range(width, X.shape[1]))),
    )
    settings = {"hidden_layer_sizes": (64,), "max_iter": 500, "random_state": 0}
    network: Any = MLPClassifier(**settings)
    penalty = "mlpclassifier__alpha"
    if metric == "r2":
        network = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
        penalty = "transformedtargetregressor__regressor__alpha"
    train = np.setdiff1d(np.arange(len(X)), test)
    search = GridSearchCV(make_pipeline(prepared, network), {penalty: PENALTIES}, cv=3)
    search.fit(X[train], y[train])
    predicted = search.predict(X[test])
    if metric == "accuracy":
        return float((predicted == y[test]).mean())  # over all labels, as nnkit's
    return float(search.score(X[test], y[test]))


if __name__ == "__main__":
    main()
