"""What moves the parameters: optimizers, schedules, weight penalties."""
