"""Prints a Markdown table of the generated tasks on texts, each with a sample."""

from __future__ import annotations

from typing import Any

from nnkit.config.spec import members
from nnkit.data.sources import AnySource
from nnkit.data.sources.generators.generated import Generated
from nnkit.data.texts import is_text

FIRST = 200  # samples, of which the longest is shown
SHORTER: dict[str, dict[str, Any]] = {"copy": {"pause": 5}}
LONGEST = 60  # characters of a sample in the table, input and target together


def main() -> None:
    """Prints the table."""
    print("| source | input | target |")
    print("|---|---|---|")
    for kind, source in members(AnySource).items():
        if not issubclass(source, Generated):
            continue
        samples = source(**SHORTER.get(kind, {})).read().samples
        if is_text(samples.inputs):
            pairs = zip(samples.inputs[:FIRST], samples.targets[:FIRST], strict=True)
            shown = max((p for p in pairs if len("".join(p)) <= LONGEST), key=lambda p: len(p[0]))
            print(f"| `{kind}` | `{shown[0]}` | `{shown[1]}` |")


if __name__ == "__main__":
    main()
