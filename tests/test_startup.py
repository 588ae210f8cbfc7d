"""Tests of process-wide settings: changed by the program, but not by the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import IRIS, plain_environment

AS_LIBRARY = "import nnkit; nnkit.load_config(sys.argv[-1])"
AS_PROGRAM = "from nnkit.cli.app import main; main()"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """Creates a folder with an installed package that has a plugin for pydantic."""
    package = tmp_path / "curious-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: curious\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[pydantic]\ncurious = curious:plugin\n")
    (tmp_path / "curious.py").write_text(
        "class Plugin:\n"
        "    def new_schema_validator(self, *arguments, **named):\n"
        "        return None, None, None\n"
        "plugin = Plugin()\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("program", "is_library"), [(AS_LIBRARY, True), (AS_PROGRAM, False)], ids=["library", "program"]
)
def test_only_the_program_changes_the_process(
    plugins: Path, program: str, is_library: bool
) -> None:
    code = f"""
import gc, sys
usual = gc.get_threshold()
try:
    {program}
finally:
    print(gc.get_threshold() == usual, "curious" in sys.modules, file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "config", "validate", str(IRIS)],
        cwd=plugins,
        env=plain_environment() | {"PYTHONPATH": str(plugins)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == f"{is_library} {is_library}\n"
