"""Programs for nnkit's developers."""
