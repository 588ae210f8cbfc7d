"""Formats measurements as Markdown; `python -m benchmarks.report` prints the overview."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS, NNKIT, NUMPY, OURS
from benchmarks.measurement import best_peer

TITLES = {contender.name: contender.title for contender in CONTENDERS}
SIMPLE_CHAINS = "https://julialang.org/blog/2022/04/simple-chains/"
NOISE = "The images to predict have noise in place of black pixels."
JOBS = {"training": "Training", "inference": "Inference"}


def markdown(report: dict[str, Any], explanation: str = "../README.md") -> str:
    """Formats a report as a page.

    Args:
        report: the content of speed.json, written by `benchmarks.speed`.
        explanation: the path from the page to benchmarks/README.md.
    """
    machine, minutes = report["machine"], report["elapsed_seconds"] / 60
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    peaks = ", ".join(
        f"{peak / 1e9:.0f} GFLOP/s on {threads} thread{'' if threads == '1' else 's'}"
        for threads, peak in sorted(report["peaks"].items())
    )
    details = "\n\n".join(f"### {title}\n\n{_details(report, job)}" for job, title in JOBS.items())
    vectors = f" ({machine['vectors']})" if machine["vectors"] else ""
    memory = f"{machine['memory_bytes'] / 1e9:.0f} GB"
    noise = f"{NOISE}\n\n" if report.get("noise") else ""
    return f"""# Speed on MNIST

{noise}Samples/s are medians of {report["rounds"]} rounds in which all contenders took turns, for
{report["seconds"]:g} s each, or for one repetition where that takes longer. *nnkit ÷* is the speed
of nnkit divided by the contender's: the median of the rounds, with the lowest and highest ratio.
*Of the peak* is the speed relative to the machine's fastest matrix product on as many threads.

## nnkit and the fastest other library

{overview(report)}
{_published(report)}
## All contenders

Each in its fastest setting.

{details}

## Settings

Samples/s in trials of {report["seconds"] / 2:g} s; the fastest settings were then measured in full.

{_trials(report)}
{_errors(report)}
## Environment

- {machine["cpu"]}{vectors}, {machine["cores"]} cores, {memory}; {machine["system"]}
- {versions}
- Matrix products of 2048 × 2048 in float32: {peaks}
- {report["date"]}, {report["busy_before"]:.1f} cores busy before; it took {minutes:.0f} minutes

## Reproduction

Run `make bench`, or `make bench-short`. See the [method]({explanation}) and
[all measurements](speed.json).
"""


def overview(report: dict[str, Any]) -> str:
    """Compares nnkit with the fastest other contender of each task, as a table."""
    ours = ("nnkit", "of the peak", "on NumPy alone")
    head = ("network", "job", "batch", *ours, "fastest other library", "its samples/s", "nnkit ÷")
    lines = [_line(head), _line(["---"] * 3 + ["---:"] * 3 + ["---", "---:", "---:"])]
    for task in report["tasks"]:
        figures = {each["name"]: each for each in task["contenders"]}
        peer = best_peer(task["contenders"])
        if NNKIT not in figures or peer is None:
            continue
        nnkit, numpy = figures[NNKIT], figures.get(NUMPY)
        lines.append(
            _line(
                [
                    *(task["network"], task["job"], str(task["batch"])),
                    _speed(nnkit),
                    f"{_share(report, task, nnkit):.0%}",
                    _speed(numpy) if numpy else "",
                    f"{peer['title']} ({peer['setting']})",
                    _speed(peer),
                    _ratio(peer["ratio"]),
                ]
            )
        )
    return "\n".join(lines)


def _published(report: dict[str, Any]) -> str:
    """Compares training of lenet-valid with what the authors of SimpleChains.jl published."""
    for task in report["tasks"]:
        figures = {each["name"]: each for each in task["contenders"]}
        if (task["network"], task["job"]) == ("lenet-valid", "training") and NNKIT in figures:
            own = figures[NNKIT]
            speed, busy = _speed(own), f"{own['busy_cores']:.1f} cores"
            return f"""
SimpleChains.jl trained lenet-valid at 27,100 and 28,200 samples/s a core, by its authors' figures
for two processors ([source]({SIMPLE_CHAINS})); nnkit here at {speed} on {busy}.
"""
    return ""


def _details(report: dict[str, Any], job: str) -> str:
    last = ("cores busy", "of the peak", "peak memory")
    head = ("network", "batch", "contender", "samples/s", "nnkit ÷", *last)
    lines = [_line(head), _line(["---"] * 3 + ["---:"] * (len(head) - 3))]
    for task in report["tasks"]:
        if task["job"] != job:
            continue
        for i, figures in enumerate(task["contenders"]):
            setting = "" if figures["name"] in OURS else f" ({figures['setting']})"
            lines.append(
                _line(
                    [
                        *((task["network"], str(task["batch"])) if i == 0 else ("", "")),
                        figures["title"] + setting,
                        _speed(figures),
                        _ratio(figures["ratio"]),
                        f"{figures['busy_cores']:.1f}",
                        f"{_share(report, task, figures):.0%}",
                        f"{figures['peak_bytes'] / 1e6:,.0f} MB",
                    ]
                )
            )
    return "\n".join(lines)


def _share(report: dict[str, Any], task: dict[str, Any], figures: dict[str, Any]) -> float:
    """Returns the speed as a share of the peak on as many threads, of those measured."""
    achieved = figures["samples_per_second"] * task["operations_per_sample"]
    peaks = report["peaks"]
    threads = "1" if figures["threads"] == 1 else max(peaks, key=int)
    return float(achieved / peaks[threads])


def _trials(report: dict[str, Any]) -> str:
    """Formats the speed of each setting, for contenders with a choice, and the failures."""
    lines = [_line(("network", "task", "contender", "samples/s")), _line(("---",) * 4)]
    for task in report["tasks"]:
        job = f"{task['job']}, batch {task['batch']}"
        for name, speeds in task["trials"].items():
            ranked = sorted(speeds.items(), key=lambda found: -found[1])
            text = "; ".join(
                f"{setting}: {f'{speed:,.0f}' if speed else 'failed'}" for setting, speed in ranked
            )
            lines.append(_line((task["network"], job, TITLES[name], text)))
    return "\n".join(lines)


def _errors(report: dict[str, Any]) -> str:
    """Lists what failed, if anything."""
    found = [
        f"- {task['network']} {task['job']}, batch {task['batch']}: {who}: {error}\n"
        for task in report["tasks"]
        for who, error in task["errors"].items()
    ]
    return "".join(["\nThese failed:\n\n", *found]) if found else ""


def _speed(figures: Mapping[str, Any]) -> str:
    return f"{figures['samples_per_second']:,.0f}"


def _ratio(ratio: dict[str, float] | None) -> str:
    if ratio is None:
        return ""
    return f"**{ratio['median']:.2f}** ({ratio['lowest']:.2f}–{ratio['highest']:.2f})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=overview.__doc__
    )
    results = Path(__file__).parent / "results" / "speed.json"
    parser.add_argument("file", nargs="?", type=Path, default=results, help="a speed.json")
    print(overview(json.loads(parser.parse_args().file.read_text())))


if __name__ == "__main__":
    main()
