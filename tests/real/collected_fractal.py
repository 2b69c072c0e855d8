"""The models of fractal-server, SQLModel's; its settings want values before they can be imported."""

import os

for name in ("POSTGRES_DB", "JWT_SECRET_KEY"):
    os.environ.setdefault(name, "unused")

import fractal_server.app.models  # noqa: E402, F401
from sqlmodel import SQLModel  # noqa: E402

metadata = SQLModel.metadata
