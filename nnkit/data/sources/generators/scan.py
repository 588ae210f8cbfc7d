"""SCAN: commands in simple English, and the actions that carry them out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Literal, NamedTuple

from pydantic import Field

from nnkit.data.dataset import Dataset
from nnkit.data.sources.generators.generated import Generated, TextPair, paired_samples
from nnkit.data.text.text_coding import TextCoding
from nnkit.data.text.text_units import WhitespaceUnit
from nnkit.random import generator

ScanSplit = Literal["simple", "length", "jump", "turn_left"]

TEST_SHARE = 0.2  # of the simple split
LONGEST = 22  # actions in the training set of the length split
BARE = {"jump": 1_467, "turn_left": 2_189}  # repetitions of the primitive in the training set


class Scan(Generated):
    """SCAN (Lake & Baroni 2018): commands such as `jump twice`, and actions, `I_JUMP I_JUMP`.

    There are 20,910 commands. The training and test sets are the published ones, except that
    `simple` is another draw.
    """

    kind: Literal["scan"] = "scan"
    split: ScanSplit = Field(
        "simple",
        description="The test set: `simple` for a fifth of all commands at random, `length` for "
        "those of more than 22 actions, `jump` and `turn_left` for those that combine this "
        "primitive with others, of which the training set has none.",
    )

    @property
    def text_coding(self) -> TextCoding:
        return TextCoding(unit=WhitespaceUnit())

    def read(self) -> Dataset:
        train, test = scan_sets(self.split)
        return Dataset(paired_samples(train), paired_samples(test))


class ScanSets(NamedTuple):
    """The training and test set: pairs of commands and actions."""

    train: list[TextPair]
    test: list[TextPair]


def scan_commands() -> dict[str, tuple[str, ...]]:
    """All 20,910 commands of SCAN (Lake & Baroni 2018), with their actions.

    C → S and S | S after S | S;  S → V twice | V thrice | V;
    V → D opposite D | D around D | D | U;  D → U left | U right;
    U → walk | look | run | jump; `turn` occurs with a direction only.
    """
    verbs = _verbs()
    phrases = {
        command + suffix: actions * times
        for command, actions in verbs.items()
        for suffix, times in (("", 1), (" twice", 2), (" thrice", 3))
    }
    commands = dict(phrases)
    for (first, act), (second, other) in product(phrases.items(), repeat=2):
        commands[f"{first} and {second}"] = act + other
        commands[f"{first} after {second}"] = other + act
    return commands


def _verbs() -> Mapping[str, tuple[str, ...]]:
    """The commands without repetition and conjunction, with their actions."""
    found: dict[str, tuple[str, ...]] = {}
    for verb in ("walk", "look", "run", "jump", "turn"):
        act: tuple[str, ...] = () if verb == "turn" else (f"I_{verb.upper()}",)
        if act:
            found[verb] = act
        for side in ("left", "right"):
            turn = (f"I_TURN_{side.upper()}",)
            found[f"{verb} {side}"] = turn + act
            found[f"{verb} opposite {side}"] = 2 * turn + act
            found[f"{verb} around {side}"] = 4 * (turn + act)
    return found


def scan_sets(split: ScanSplit) -> ScanSets:
    """The training and test set of a split (Lake & Baroni 2018).

    The sets are those of the published files, but for the order, and for `simple`, which is another
    random draw of as many pairs.

    Args:
        split: `simple` draws 80 % of the commands for training. `length` trains on commands of at
            most 22 actions and tests longer ones. `jump` and `turn_left` train on that primitive
            alone, repeated to a tenth of the set, and on all commands without it; they test all
            others that contain it.
    """
    commands = {command: " ".join(actions) for command, actions in scan_commands().items()}
    if split == "simple":
        return _simple(list(commands.items()))
    if split == "length":
        is_test = {name: actions.count(" ") >= LONGEST for name, actions in commands.items()}
        repeated: list[TextPair] = []
    else:
        primitive = split.replace("_", " ")
        is_test = {name: primitive in name and name != primitive for name in commands}
        repeated = [(primitive, commands[primitive])] * (BARE[split] - 1)
    pairs = commands.items()
    return ScanSets(
        [*(pair for pair in pairs if not is_test[pair[0]]), *repeated],
        [pair for pair in pairs if is_test[pair[0]]],
    )


def _simple(pairs: list[TextPair]) -> ScanSets:
    order = generator(0, "SCAN").permutation(len(pairs))
    count = round(TEST_SHARE * len(pairs))
    return ScanSets([pairs[i] for i in order[count:]], [pairs[i] for i in order[:count]])
