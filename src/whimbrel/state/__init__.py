"""Models as immutable values, and how they lower to a schema.

A `State` is the models at one point of history. Models, fields and options never change: an
operation makes a new state that shares whatever it did not touch with the one before.
"""
