"""Tests of the package's public names: completion, and import at first use."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from rlcompleter import Completer
from typing import Any, get_args, get_type_hints

import pytest
import yaml

import nnkit
from tests.cli.program import ROOT, TABLES

XOR = ROOT / "configs" / "xor.yaml"

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


PUBLIC = ["Listener", "Report", "Run", "TrainedModel", "RangeTest", "Reading"]


def mentioned(hint: Any) -> Iterator[type]:
    """Yields the classes of nnkit in a type hint."""
    for part in get_args(hint):
        yield from mentioned(part)
    if inspect.isclass(hint) and hint.__module__.startswith("nnkit.") and not get_args(hint):
        yield hint


def signatures() -> Iterator[Any]:
    """Yields the public functions, and the methods of the classes that users meet."""
    for name in nnkit.__all__:
        if inspect.isfunction(found := getattr(nnkit, name)):
            yield found
    for name in PUBLIC:
        for attribute, member in vars(getattr(nnkit, name)).items():
            function = member.fget if isinstance(member, property) else member
            if inspect.isfunction(function) and not attribute.startswith("_"):
                yield function


@pytest.mark.parametrize("function", signatures(), ids=lambda function: function.__qualname__)
def test_every_type_in_a_signature_is_public(function: Any) -> None:
    found = {c.__name__ for hint in get_type_hints(function).values() for c in mentioned(hint)}
    assert found <= set(nnkit.__all__)


@pytest.mark.parametrize(
    "config",
    [XOR, str(XOR), yaml.safe_load(XOR.read_text(encoding="utf-8")), nnkit.load_config(XOR)],
)
def test_a_config_is_given_by_path_mapping_or_itself(config: Any) -> None:
    if isinstance(config, dict):
        config["data"]["source"]["path"] = str(TABLES / "xor.csv")
    size = nnkit.build_model(config).params.size
    assert size == nnkit.build_model(nnkit.load_config(XOR)).params.size
    changed = nnkit.load_config(config, "training.epochs=3")
    assert changed.training.epochs == 3
    assert nnkit.load_config(config, ["training.epochs=3", "seed=9"]).seed == 9


@pytest.mark.parametrize(
    "function",
    [
        *(nnkit.load_config, nnkit.train, nnkit.build_model, nnkit.check_data, nnkit.dry_run),
        *(nnkit.check_gradients, nnkit.find_lr, nnkit.trace),
    ],
)
def test_what_is_no_config_is_refused(function: Any) -> None:
    with pytest.raises(nnkit.UsageError, match=r"expected a config: .* not int"):
        function(3)


def test_a_config_that_was_copied_keeps_its_changes() -> None:
    config = nnkit.load_config(XOR).model_copy(update={"seed": 5})
    assert nnkit.load_config(config).seed == 5
    assert nnkit.load_config(config, "training.epochs=3").seed == 5


def test_errors_of_an_override_of_a_config_name_its_file() -> None:
    with pytest.raises(nnkit.ConfigError, match=r"--set seed=-1: seed: must be"):
        nnkit.load_config(nnkit.load_config(XOR), "seed=-1")


def test_errors_of_a_mapping_name_the_setting() -> None:
    with pytest.raises(nnkit.ConfigError, match=r"config: optimizer\.lrr: unknown key"):
        nnkit.load_config({"optimizer": {"kind": "adam", "lrr": 1}})


def test_a_run_shows_where_it_is_and_how_it_ended(tmp_path: Path) -> None:
    run = nnkit.train(nnkit.load_config(XOR, ["training.epochs=1", "expect={}"]), runs=tmp_path)
    assert re.fullmatch(rf"<Run {tmp_path}/xor-\w+: completed(, \w+ [\d.e+-]+)*>", repr(run))


def test_lengths_of_sequences_come_from_the_data() -> None:
    """No public function takes them, or a mask, so that nobody can pass wrong ones."""
    taken = set()
    for public in map(nnkit.__getattribute__, nnkit.__all__):
        methods = vars(public).values() if inspect.isclass(public) else ()
        for function in filter(inspect.isfunction, (public, *methods)):
            taken |= set(inspect.signature(function).parameters)
    assert "texts" in taken
    assert not taken & {"lengths", "mask", "padding"}
