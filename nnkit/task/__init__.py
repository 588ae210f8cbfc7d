"""The root config, and the data and targets prepared for a network."""
