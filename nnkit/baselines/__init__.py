"""Models that are counted rather than trained, beside which the results of a network are shown."""
