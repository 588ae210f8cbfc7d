"""What a config and its data come to: the root config, targets, and sets ready for a network."""
