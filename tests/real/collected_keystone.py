"""The models of keystone, which stand in the SQL back end of each of its parts."""

import importlib
import pkgutil

import keystone
import keystone.conf
from keystone.common import sql

for module in pkgutil.walk_packages(keystone.__path__, "keystone."):
    if module.name.rpartition(".")[2] in ("sql", "sql_model") and "backends" in module.name:
        importlib.import_module(module.name)

metadata = sql.ModelBase.metadata
