"""Work on several threads: micro-batches, execution settings, and a pool of networks."""
