"""Runs the commands that a document shows and puts their real output back.

`python docs/refresh.py` does README.md, `python docs/refresh.py FILE…` others.

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
    """Refreshes the documents named on the command line."""
    for document in sys.argv[1:] or ["README.md"]:
        refresh(ROOT / document)


def refresh(document: Path) -> None:
    """Refreshes every block of a document, in order; later ones see what earlier ones made."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "nnkit"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)

        def fresh(block: re.Match[str]) -> str:
            commands = block["commands"]
            shown = "\n\n".join(output_of(command, copy) for command in commands.split(" ;; "))
            return f"<!-- run: {commands} -->\n```text\n{shown}\n```\n"

        text = BLOCK.sub(fresh, document.read_text(encoding="utf-8"))
    document.write_text(text, encoding="utf-8")


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
