"""Fields as values: what a model says of one attribute."""
