"""Parameter updates: optimizers, schedules, weight penalties."""
