"""Prepares the network of a run for inclusion in the package."""

from __future__ import annotations

from pathlib import Path

from nnkit.runs.checkpoint import read_checkpoint, write_checkpoint
from nnkit.runs.directory import find_checkpoint

KEPT = ("params/", "state/", "preprocess/")  # what prediction needs


def ship(run: str | Path, path: Path) -> None:
    """Writes the best checkpoint of a run without the optimizer state."""
    found = read_checkpoint(find_checkpoint(str(run)))
    tensors = {name: array for name, array in found.tensors.items() if name.startswith(KEPT)}
    header = {name: part for name, part in found.header.items() if name not in ("format", "sha256")}
    source, start = header["config"]["data"]["source"], header["config"]["training"]["start_from"]
    for settings, key in ((source, "path"), (start or {}, "checkpoint")):
        if key in settings:
            settings[key] = Path(settings[key]).name  # folders are meaningless on other machines
    write_checkpoint(path, tensors, header)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
