"""A trace as a Markdown document, as an HTML page, and as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nnkit.inspection.layer_trace import LayerTrace
from nnkit.inspection.number_tables import TraceTable
from nnkit.inspection.step_recorder import StepsTrace
from nnkit.inspection.trace import Trace
from nnkit.inspection.trace_tables import chapters, kind_of, title_of
from nnkit.nn.params import Array

BAR = r"\|"  # within a cell of a table in Markdown


def as_json(trace: Trace) -> dict[str, Any]:
    """The trace as plain data for JSON, with unrounded numbers."""
    return {
        "name": trace.config.name,
        "origin": trace.origin,
        "split": trace.split,
        "sample": trace.sample,
        "label": trace.label,
        "input": trace.layers[0].input.tolist(),
        "target": trace.target.tolist(),
        "target_symbols": list(trace.symbols),
        "losses": trace.losses.tolist(),
        "layers": [_layer(layer) for layer in trace.layers],
        "loss": trace.loss,
        "loss_after": trace.loss_after,
        "optimizer": trace.config.optimizer.tag(),
        "lr": trace.lr,
    }


def _layer(layer: LayerTrace) -> dict[str, Any]:
    def plain(values: Array | None) -> Any:
        return None if values is None else values.tolist()

    return {
        "name": layer.name,
        "kind": kind_of(layer.spec),
        "input": plain(layer.input),
        "output": plain(layer.output),
        "output_gradient": plain(layer.output_gradient),
        "input_gradient": plain(layer.input_gradient),
        "slope": plain(layer.slope),
        "symbols": list(layer.symbols),
        "steps": [_steps(steps) for steps in layer.steps],
        "parameters": {
            name: {
                "value": plain(parameter.value),
                "gradient": plain(parameter.gradient),
                "updated": plain(parameter.updated),
            }
            for name, parameter in layer.parameters.items()
        },
    }


def _steps(steps: StepsTrace) -> dict[str, Any]:
    def plain(arrays: Mapping[str, Array]) -> dict[str, Any]:
        return {name: array.tolist() for name, array in arrays.items()}

    return {
        "name": steps.name,
        "values": plain(steps.values),
        "gradients": plain(steps.gradients),
        "contributions": plain(steps.contributions),
    }


def as_markdown(trace: Trace, digits: int = 4) -> str:
    """The trace as a Markdown document."""
    lines = [f"# {title_of(trace)}", ""]
    for chapter in chapters(trace, digits):
        lines += [f"## {chapter.title}", ""]
        for section in chapter.sections:
            lines += [f"### {section.title}", ""]
            for formula in section.formulas:
                lines += [f"`{formula.replace('`', '')}`", ""]  # a setting's name has its own
            for table in section.tables:
                lines += [
                    _markdown_row(table.headings),
                    f"|{'---:|' * len(table.headings)}",
                    *map(_markdown_row, table.rows),
                    "",
                ]
    return "\n".join(lines)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.4rem; }}
h2 {{ font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 2px solid #0072b2; }}
h3 {{ font-size: 1rem; margin: 1.5rem 0 .3rem; }}
.formula {{ font-family: "STIX Two Math", "Cambria Math", serif; margin: .2rem 0; }}
table {{ border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }}
.scroll {{ overflow-x: auto; }}
th, td {{ padding: .15rem .8rem; text-align: right; border-bottom: 1px solid #8884; }}
th {{ font-weight: 600; }}
td:first-child {{ opacity: .7; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def as_html(trace: Trace, digits: int = 4) -> str:
    """The trace as a self-contained HTML page."""
    parts: list[str] = []
    for chapter in chapters(trace, digits):
        parts.append(f"<h2>{escape(chapter.title)}</h2>")
        for section in chapter.sections:
            parts.append(f"<h3>{escape(section.title)}</h3>")
            parts += [f'<p class="formula">{_formula(line)}</p>' for line in section.formulas]
            parts += [_html_table(table) for table in section.tables]
    return PAGE.format(title=escape(title_of(trace)), body="\n".join(parts))


def _formula(line: str) -> str:
    """A formula in HTML; the names of settings in it, between backticks, are code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(line))


def _html_table(table: TraceTable) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = [row(table.headings, "th"), *(row(cells, "td") for cells in table.rows)]
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'
