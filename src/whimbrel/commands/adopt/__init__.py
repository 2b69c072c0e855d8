"""`adopt alembic`: from a project of Alembic's to one of ours, database by database."""
