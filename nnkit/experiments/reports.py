"""Reports of a batch: a table as text, CSV, Markdown or JSON, and its gates as JUnit XML."""

from __future__ import annotations

import csv
import io
from collections.abc import Hashable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from nnkit.experiments.axis_names import short_keys
from nnkit.experiments.gates import GateVerdict
from nnkit.experiments.groups import CellResult, Group
from nnkit.experiments.job import FAILED
from nnkit.metrics import higher_is_better
from nnkit.runs.comparability import Evaluated, comparable, other_samples
from nnkit.runs.differences import DATA, identity_of
from nnkit.runs.directory import FINISHED
from nnkit.version import __version__

# Characters that XML 1.0 cannot contain, not even escaped.
UNPRINTABLE = {code: "\ufffd" for code in range(32) if code not in (9, 10, 13)}


def chosen_metrics(groups: Sequence[Group]) -> list[str]:
    """The metrics of the table: those of the test set, else of the validation or training set."""
    found: dict[str, None] = {}
    for group in groups:
        for result in group.results:
            results = result.ending.summary.get("results", {})
            split = next((s for s in ("test", "validation", "train") if s in results), None)
            if result.finished and split is not None:
                found.update(dict.fromkeys(f"{split}.{figure}" for figure in results[split]))
    return list(found)


def best_group(groups: Sequence[Group], metric: str) -> Group | None:
    """The group with the best mean of a metric, None if none has it."""
    scored = [(mean[0], group) for group in groups if (mean := group.mean(metric)) is not None]
    if not scored:
        return None
    best = max if higher_is_better(metric) else min
    return best(scored, key=lambda pair: pair[0])[1]


def comparable_groups(groups: Sequence[Group], metric: str) -> list[list[Group]]:
    """Divides groups into those whose values of a metric can be compared with each other."""
    measured = [group for group in groups if group.mean(metric) is not None]
    return comparable(measured, lambda group: _keys(group, metric))


def _keys(group: Group, metric: str) -> frozenset[Hashable]:
    found = (one.measures(metric).keys for one in _evaluated(group).values())
    return frozenset[Hashable]().union(*found)


def on_other_samples(groups: Sequence[Group], metric: str) -> list[Group]:
    """The groups that were evaluated on other samples than the first, with the same seed."""
    every = [_evaluated(group) for group in groups]
    found = []
    for group, own in zip(groups[1:], every[1:], strict=True):
        pairs = [(every[0][seed], own[seed]) for seed in every[0].keys() & own.keys()]
        if any(any(other_samples(one.measures(metric) for one in pair)) for pair in pairs):
            found.append(group)
    return found


def _evaluated(group: Group) -> dict[int, Evaluated]:
    """The finished runs of a group, by seed."""
    return {
        result.cell.seed: Evaluated(
            identity_of(
                result.cell.config.resolved(), result.ending.summary.get(DATA, ""), __version__
            ),
            result.ending.summary,
        )
        for result in group.results
        if result.finished
    }


def leading_metric(metrics: Sequence[str]) -> str | None:
    """The metric by which cells are compared: accuracy or R² where there is one, else the loss."""
    for name in ("accuracy", "r2"):
        for metric in metrics:
            if metric.rpartition(".")[2] == name:
                return metric
    return metrics[0] if metrics else None


def rows_of(groups: Sequence[Group], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each group: its axes, number of finished seeds, metrics, parameters, time."""
    rows = []
    for group in groups:
        row: dict[str, Any] = dict(short_keys(group.axes)) or {"cell": group.name}
        row["n"] = sum(result.finished for result in group.results)
        row["seeds"] = len(group.results)
        for metric in metrics:
            mean = group.mean(metric)
            row[metric] = None if mean is None else mean[0]
            row[f"{metric} sd"] = None if mean is None else mean[1]
        for name in ("parameters", "seconds"):
            mean = group.mean(name)
            row[name] = None if mean is None else mean[0]
        row["outcome"] = _outcome(group.results)
        rows.append(row)
    return rows


def _outcome(results: Sequence[CellResult]) -> str:
    """The outcomes of a group of runs, such as `3 completed` or `2 completed, 1 failed`."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.ending.outcome] = counts.get(result.ending.outcome, 0) + 1
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table as CSV, full precision, a column for each mean and standard deviation."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    output = io.StringIO()
    writer = csv.DictWriter(output, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value is None else value for key, value in row.items()})
    return output.getvalue()


def as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def as_data(groups: Sequence[Group], verdicts: Sequence[GateVerdict]) -> dict[str, Any]:
    """Everything as plain data: each cell with its runs, and each gate."""
    return {
        "nnkit": __version__,
        "cells": [
            {
                "axes": dict(group.axes),
                "runs": [
                    {
                        "seed": result.cell.seed,
                        "outcome": result.ending.outcome,
                        "run": result.ending.run,
                        "error": result.ending.error,
                        "log": result.ending.log,
                        "results": result.ending.summary.get("results", {}),
                        "seconds": result.ending.summary.get("seconds"),
                        "parameters": result.ending.summary.get("parameters"),
                    }
                    for result in group.results
                ],
            }
            for group in groups
        ],
        "gates": [verdict.record() for verdict in verdicts],
    }


def as_junit(name: str, groups: Sequence[Group], verdicts: Sequence[GateVerdict]) -> str:
    """A JUnit report: a test case for each run, and one for each gate of a cell.

    A run that failed is an error, a missed gate a failure, a run that did not take place is
    skipped. The form is that of `xunit2`, as pytest writes it.
    """
    suite = ET.Element("testsuite", name=_clean(name))
    for group in groups:
        for result in group.results:
            case = _case(suite, "training", result.cell.name)
            case.set("time", f"{result.ending.summary.get('seconds', 0) or 0:.3f}")
            ending = result.ending
            if ending.outcome in FAILED:
                error = ET.SubElement(case, "error", message=_clean(ending.error))
                error.text = _clean(ending.log or ending.error)
            elif ending.outcome not in FINISHED:
                ET.SubElement(case, "skipped", message=_clean(ending.outcome))
    for verdict in verdicts:
        seed = "" if verdict.seed is None else f" seed={verdict.seed}"
        case = _case(suite, "gates", f"{verdict.gate}: {verdict.cell}{seed}")
        case.set("time", "0.000")
        if not verdict.passed:
            failure = ET.SubElement(case, "failure", message=_clean(verdict.message))
            failure.text = _clean(f"{verdict.message}\n{verdict.run}".strip())
    for kind, tag in (("tests", "testcase"), ("errors", "error"), ("failures", "failure")):
        suite.set(kind, str(len(list(suite.iter(tag)))))
    suite.set("skipped", str(len(list(suite.iter("skipped")))))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, "unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, kind: str, name: str) -> ET.Element:
    classname = f"{suite.get('name')}.{kind}"
    return ET.SubElement(suite, "testcase", classname=classname, name=_clean(name))


def _clean(text: str) -> str:
    return text.translate(UNPRINTABLE)
