"""Whimbrel: schema migrations for Python.

Models in, versioned migration files out, and any database brought to any version.
"""

__version__ = "0.1.0"
