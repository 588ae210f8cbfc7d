"""Formats measurements as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.contenders import CONTENDERS, OURS

TITLES = {contender.name: contender.title for contender in CONTENDERS}


def markdown(report: dict[str, Any], explanation: str = "../README.md") -> str:
    """Formats a report as a page.

    Args:
        report: the content of speed.json, written by `benchmarks.speed`.
        explanation: the path from the page to benchmarks/README.md.
    """
    rounds, machine = report["rounds"], report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    peaks = ", ".join(
        f"{peak / 1e9:.0f} GFLOP/s on {threads} thread{'' if threads == '1' else 's'}"
        for threads, peak in _peaks(report).items()
    )
    memory = f"{machine['memory_bytes'] / 1e9:.0f} GB"
    return f"""# Speed on MNIST

Samples/s are medians of {rounds} rounds in which all contenders took turns. *nnkit ÷* is the speed
of nnkit divided by the contender's: the median of the rounds, with the lowest and highest ratio.
*Of the peak* is the speed relative to the machine's fastest matrix product on as many threads.

## Training

{_table(report, "training")}

## Inference

{_table(report, "inference")}

## Settings

The tables above show the fastest of these settings; the speeds below are the best of a few shorter
measurements.

{_trials(report)}

## Environment

- {machine["cpu"]}, {machine["cores"]} cores, {memory}; {machine["system"]}
- {versions}
- Matrix products of 2048 × 2048 in float32: {peaks}
- {report["date"]}, load before {report["load_before"]:.2f}; it took {_minutes(report):.0f} minutes

## Reproduction

Run `make bench`. See the [method]({explanation}) and [all measurements](speed.json).
"""


def _table(report: dict[str, Any], job: str) -> str:
    ours = [f"{TITLES[name]} ÷" for name in OURS]
    last = ("cores busy", "of the peak", "peak memory")
    head = ("network", "batch", "contender", "samples/s", *ours, *last)
    lines = [_line(head), _line(["---"] * 3 + ["---:"] * (len(head) - 3))]
    peaks = _peaks(report)
    for task in report["tasks"]:
        if task["job"] != job:
            continue
        for i, figures in enumerate(task["contenders"]):
            achieved = figures["samples_per_second"] * task["operations_per_sample"]
            setting = "" if figures["name"] in OURS else f" ({figures['setting']})"
            first = (task["network"], str(task["batch"])) if i == 0 else ("", "")
            lines.append(
                _line(
                    [
                        *first,
                        figures["title"] + setting,
                        f"{figures['samples_per_second']:,.0f}",
                        *(_ratio(figures["ratios"].get(name)) for name in OURS),
                        f"{figures['busy_cores']:.1f}",
                        f"{achieved / peaks[str(figures['threads'])]:.0%}",
                        f"{figures['peak_bytes'] / 1e6:,.0f} MB",
                    ]
                )
            )
    return "\n".join(lines)


def _minutes(report: dict[str, Any]) -> float:
    """Returns the total time of all tasks in minutes."""
    return sum(task["elapsed_seconds"] for task in report["tasks"]) / 60


def _peaks(report: dict[str, Any]) -> dict[str, float]:
    """Returns the highest measured peak in operations per second for each number of threads."""
    found: dict[str, float] = {}
    for task in report["tasks"]:
        for threads, peak in task["peak_operations_per_second"].items():
            found[threads] = max(peak, found.get(threads, 0.0))
    return dict(sorted(found.items()))


def _trials(report: dict[str, Any]) -> str:
    """Formats the result of each setting, for contenders with a choice or a failure."""
    lines = [_line(("network", "task", "contender", "samples/s")), _line(("---",) * 4)]
    for task in report["tasks"]:
        for name, trials in task["trials"].items():
            found = [
                f"{setting}: {outcome if isinstance(outcome, str) else f'{outcome:,.0f}'}"
                for setting, outcome in trials.items()
            ]
            if found:
                job = f"{task['job']}, batch {task['batch']}"
                lines.append(_line((task["network"], job, TITLES[name], "; ".join(found))))
    return "\n".join(lines)


def _ratio(ratio: dict[str, float] | None) -> str:
    if ratio is None:
        return ""
    return f"**{ratio['median']:.2f}** ({ratio['lowest']:.2f}–{ratio['highest']:.2f})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
