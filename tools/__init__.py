"""Programs for those who develop nnkit."""
