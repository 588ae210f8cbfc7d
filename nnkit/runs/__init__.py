"""What stays of a training: its folder and its checkpoints."""
