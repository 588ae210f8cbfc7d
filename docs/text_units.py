"""Prints a Markdown table of the units of text, each with the symbols of a sentence."""

from __future__ import annotations

from pathlib import Path

from nnkit.config.spec import members
from nnkit.data.text.text_coding import TextCoding
from nnkit.data.text.text_pairs import read_pairs
from nnkit.data.text.text_units import AnyTextUnit

SENTENCE = "L'hiver n'arrive jamais\u202f!"
PAIRS = Path("data/text/eng-fra-upto-5-words.tsv.gz")
MERGES = 400


def main() -> None:
    """Prints the table; byte pairs are learned from French sentences."""
    sentences = read_pairs(PAIRS).targets[::20]
    print("| unit | symbols |")
    print("|---|---|")
    for kind in members(AnyTextUnit):
        unit = {"bpe": {"merges": MERGES}} if kind == "bpe" else kind
        pieces = TextCoding.model_validate({"unit": unit}).fit(sentences).split(SENTENCE)
        print(f"| `{kind}` | {' '.join(f'`{piece}`' for piece in map(visible, pieces))} |")


def visible(piece: str) -> str:
    """A symbol with a visible sign for the space, which Markdown would leave out."""
    return piece.replace(" ", "␣")


if __name__ == "__main__":
    main()
