"""Tables as values: what a database must have, and how two of them differ.

Nothing here knows of models, of SQL dialects or of SQLAlchemy. A `Schema` is what a state
lowers to; `diff` gives the ordered changes between two; `apply` carries a change out on a
value, so that ``apply_all(a, diff(a, b)) == b`` for any two schemas.
"""
