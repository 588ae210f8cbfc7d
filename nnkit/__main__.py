"""Runs the command line: `python -m nnkit` is equivalent to `nnkit`."""

from nnkit.cli.app import main

main()
