"""Expressions of queries: values, functions, aggregates, lookups. They know no model and no query."""
