"""Where models come from: native classes, SQLAlchemy and SQLModel, a live database."""
