"""The models of aiida-core, which stand in a module each."""

import importlib
import pkgutil

from aiida.storage.psql_dos import models
from aiida.storage.psql_dos.models.base import Base

for module in pkgutil.iter_modules(models.__path__):
    importlib.import_module(f"{models.__name__}.{module.name}")

metadata = Base.metadata
