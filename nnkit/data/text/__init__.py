"""Text: reading, normalization, division into symbols, and their numbers."""
