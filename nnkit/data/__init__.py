"""Data, from files to batches: sources, preprocessing, splits, pictures."""
