"""Runs for the commands that compare and remove them."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import IRIS, SHORT, Program


def train(program: Program, *settings: str) -> str:
    """The folder name of a run on iris of two epochs, with these settings, in runs/."""
    changes = [part for setting in settings for part in ("--set", setting)]
    return Path(program("train", IRIS, *SHORT, *changes, "--json").json["run"]).name
