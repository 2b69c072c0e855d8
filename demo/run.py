"""What `make demo` runs: models, migrations and both databases, from nothing to a schema."""

import whimbrel

if __name__ == "__main__":
    print(f"Whimbrel {whimbrel.__version__}: the demo will show a model become a migration,")
    print("the migration a schema on SQLite and PostgreSQL, and the way back. Not there yet.")
