"""What each command does, as functions that take values, give values and print nothing."""
