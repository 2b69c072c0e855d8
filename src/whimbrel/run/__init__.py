"""Running: what a command does, as functions that take values, give values and print nothing."""
