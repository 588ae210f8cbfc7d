"""Measurements as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.contenders import CONTENDERS, OURS

TITLES = {contender.name: contender.title for contender in CONTENDERS}


def markdown(report: dict[str, Any]) -> str:
    """The report as a page.

    Args:
        report: what `benchmarks.speed` writes to speed.json.
    """
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    parts = [
        "# Speed on MNIST",
        "More is better: samples a second are medians of "
        f"{report['rounds']} rounds in which all contenders took turns, and nnkit ÷ a contender "
        "is the median of the ratios within each round (in brackets the lowest and highest).",
        "## Training",
        _table(report, "training"),
        "## Inference",
        _table(report, "inference"),
        "## Where",
        f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB\n"
        f"- {machine['system']}\n- {versions}\n- {report['date']}; load before: "
        f"{report['load_before']:.2f}",
        "## Again",
        "`make bench` measures this anew; [how it is done](../README.md), "
        "[all figures](speed.json).",
    ]
    return "\n\n".join(parts) + "\n"


def _table(report: dict[str, Any], job: str) -> str:
    ours = [f"{TITLES[name]} ÷" for name in OURS]
    head = ("network", "batch", "contender", "samples/s", *ours, "cores busy", "peak memory")
    lines = [_line(head), _line(["---"] * 3 + ["---:"] * (len(head) - 3))]
    for task in report["tasks"]:
        if task["job"] != job:
            continue
        for i, figures in enumerate(task["contenders"]):
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
                        f"{figures['peak_bytes'] / 1e6:,.0f} MB",
                    ]
                )
            )
    return "\n".join(lines)


def _ratio(ratio: dict[str, float] | None) -> str:
    if ratio is None:
        return ""
    return f"**{ratio['median']:.2f}** ({ratio['lowest']:.2f}–{ratio['highest']:.2f})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
