"""Lint: rules over what migrations would do, before anybody applies them. No rule asks a database."""
