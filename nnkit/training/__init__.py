"""Where config, data and model meet: the loop, the run, the trained model."""
