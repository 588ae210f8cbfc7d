"""Training: the plan, the session, the loop, the run and its listeners."""
