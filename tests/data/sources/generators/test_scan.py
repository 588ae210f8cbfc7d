"""SCAN, compared with the files of its repository."""

from __future__ import annotations

from hashlib import sha256

import pytest

from nnkit.data.sources.generators.generated import TextPair
from nnkit.data.sources.generators.scan import ScanSplit, scan_commands, scan_sets

# The number of lines of the files in github.com/brendenlake/SCAN (commit 91d9455), and the SHA-256
# of these lines, sorted, joined by line feeds.
PUBLISHED: dict[ScanSplit, tuple[tuple[int, str], tuple[int, str]]] = {
    "length": (
        (16_990, "114e6bdb1575f27d8d6d4449081970cef4846b2ec89b260dc2a0e5297c3e75d5"),
        (3_920, "45bb5e5f0e0678da016725d880ba4349267b93262762a2c66f9b51b04535a2ce"),
    ),
    "jump": (
        (14_670, "1e5ab3357dc958267480a6012d3970953f35bb098a115b1754a1ad36d371b7cb"),
        (7_706, "48956239771e67ded4d090164919ab79d21756218a3e94f9abc2cbe346c0cd1c"),
    ),
    "turn_left": (
        (21_890, "4f1ccb48ec39aed79ac69c8da9d2c8061b1bb8ea8199ab8931b6939068a3b626"),
        (1_208, "81acae1af5137165debf8630986733b2581aea19cb98e32f4026bccce8042b09"),
    ),
}


def described(pairs: list[TextPair]) -> tuple[int, str]:
    lines = sorted(f"IN: {command} OUT: {actions}" for command, actions in sorted(pairs))
    return len(lines), sha256("\n".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("split", PUBLISHED)
def test_the_sets_are_the_published_ones(split: ScanSplit) -> None:
    train, test = scan_sets(split)
    assert (described(train), described(test)) == PUBLISHED[split]


def test_the_simple_split_is_as_large_as_the_published_one() -> None:
    train, test = scan_sets("simple")
    assert (len(train), len(test)) == (16_728, 4_182)
    commands = {name: " ".join(actions) for name, actions in scan_commands().items()}
    assert sorted([*train, *test]) == sorted(commands.items())


def test_examples_of_the_paper() -> None:
    """Checks figure 1 of Lake & Baroni (2018)."""
    commands = scan_commands()
    assert commands["jump left"] == ("I_TURN_LEFT", "I_JUMP")
    assert commands["jump around right"] == ("I_TURN_RIGHT", "I_JUMP") * 4
    assert commands["turn left twice"] == ("I_TURN_LEFT",) * 2
    assert commands["jump thrice"] == ("I_JUMP",) * 3
    assert commands["jump opposite left and walk thrice"] == (
        *("I_TURN_LEFT", "I_TURN_LEFT", "I_JUMP"),
        *("I_WALK",) * 3,
    )
    assert commands["jump opposite left after walk around left"] == (
        *("I_TURN_LEFT", "I_WALK") * 4,
        *("I_TURN_LEFT", "I_TURN_LEFT", "I_JUMP"),
    )
