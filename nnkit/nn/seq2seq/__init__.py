"""Networks that turn a sequence into another: attention, and the start and steps of a decoder."""
