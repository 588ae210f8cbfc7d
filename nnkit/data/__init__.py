"""From files to batches: sources, preprocessing, splits, pictures."""
