"""docs/architecture.md: the names in it exist, and the error it shows is the program's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import nnkit
from docs.refresh import ROOT
from nnkit.errors import ConfigError

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w/.*-]+(?:\.py|\.yaml|/\*))`", TEXT)


def test_every_file_that_it_names_is_there() -> None:
    assert len(NAMED) > 20
    missing = [name for name in NAMED if not any([*(ROOT / "nnkit").glob(name), *ROOT.glob(name)])]
    assert not missing


def test_every_module_at_the_root_is_named() -> None:
    modules = {path.name for path in (ROOT / "nnkit").glob("[a-z]*.py")}
    assert modules <= set(re.findall(r"\w+\.py", TEXT))


def test_every_class_and_method_that_it_names_is_there() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "nnkit").rglob("*.py"))
    named = set(re.findall(r"`([A-Za-z_][\w.]*)[`(]", TEXT)) - set(NAMED)
    words = {part for name in named for part in name.split(".")}
    missing = {word for word in words if not re.search(rf"\b{word}\b", code)}
    assert not missing


def test_the_snippet_with_an_observer_runs() -> None:
    (snippet,) = re.findall(
        r"(?:^    .*\n)+", TEXT.partition("A `Recorder` keeps them:\n\n")[2], re.M
    )[:1]
    before = (
        "import nnkit, numpy as np; from nnkit.nn.passes import Pass, Recorder; N = 4\n"
        "config = nnkit.load_config('configs/iris-mlp.yaml')\n"
        "X, T = np.ones((4, N), np.float32), np.eye(3, N, dtype=np.float32)\n"
    )
    script = before + dedent(snippet) + "\nprint(seen.gradients['output'].shape)"
    output = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert output == "(3, 4)\n"


def test_the_error_that_it_shows_is_the_one(tmp_path: Path) -> None:
    config = tmp_path / "mnist-mlp.yaml"
    shipped = (ROOT / "configs" / "mnist-mlp.yaml").read_text(encoding="utf-8")
    config.write_text(shipped.replace("  lr: ", "  lrr: "), encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        nnkit.load_config(config)
    shown = str(raised.value).replace(f"{tmp_path}/", "")
    assert f"`{shown}`" in TEXT
