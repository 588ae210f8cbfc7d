"""`python -m nnkit` is `nnkit`."""

from nnkit.cli.app import main

main()
