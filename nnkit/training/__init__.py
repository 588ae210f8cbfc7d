"""Training: the plan, the trainer, the loop, the run and its listeners."""
