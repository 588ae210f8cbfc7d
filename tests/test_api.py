"""Tests of the package's public names: completion, and import at first use."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from pathlib import Path
from rlcompleter import Completer

import pytest

import nnkit

SOURCE = ast.parse(Path(nnkit.__file__).read_text(encoding="utf-8"))


def names_for_type_checkers() -> set[str]:
    """Returns the names imported in `if TYPE_CHECKING:`."""
    (block,) = (node for node in SOURCE.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


@pytest.mark.parametrize("name", nnkit.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(nnkit, name) is not None


def test_type_checkers_are_told_of_the_same_names() -> None:
    assert names_for_type_checkers() | {"__version__"} == set(nnkit.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'nnkit' has no attribute 'trian'"):
        nnkit.trian  # noqa: B018


def test_completion_offers_the_public_names_and_no_others() -> None:
    complete = Completer({"nnkit": nnkit}).complete
    offered = itertools.takewhile(bool, (complete("nnkit.", i) for i in itertools.count()))
    names = {str(text).removeprefix("nnkit.").rstrip("()") for text in offered}
    assert names | {"__version__"} == set(nnkit.__all__)


def test_listing_the_names_imports_none_of_them() -> None:
    code = "import nnkit, sys; print(*dir(nnkit)); print('numpy' in sys.modules)"
    listed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert listed == f"{' '.join(sorted(nnkit.__all__))}\nFalse\n"
