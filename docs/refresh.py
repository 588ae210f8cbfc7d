"""Runs the commands that README.md shows and puts their real output back: `python docs/refresh.py`.

A comment `<!-- run: COMMAND -->` above a fenced block says what made it; several commands are
parted by ` ;; `. They run in a copy of the repository, so nothing of the reader's is touched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"<!-- run: (?P<commands>.*?) -->\n```text\n.*?```\n", re.DOTALL)
LEFT_OUT = shutil.ignore_patterns(".*", "runs", "*.pyc", "build", "dist")


def main() -> None:
    """Refreshes every block of README.md, in order; later ones see what earlier ones made."""
    readme = ROOT / "README.md"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "nnkit"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)

        def fresh(block: re.Match[str]) -> str:
            commands = block["commands"]
            shown = "\n\n".join(output_of(command, copy) for command in commands.split(" ;; "))
            return f"<!-- run: {commands} -->\n```text\n{shown}\n```\n"

        text = BLOCK.sub(fresh, readme.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")


def output_of(command: str, folder: Path) -> str:
    """The command behind a prompt, and all that it printed."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": tools},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [f"$ {command}", *ran.stdout.rstrip().splitlines()]
    return "\n".join(line.rstrip() for line in lines).replace(str(folder) + "/", "")


if __name__ == "__main__":
    main()
