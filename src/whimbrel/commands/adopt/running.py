"""The program that runs an env.py and says what it found: ``python -m whimbrel.commands.adopt.running``.

It is a process of its own, so that nothing of env.py reaches ours. What env.py sees of Alembic
is offline, as with ``alembic upgrade --sql``, and has nothing to migrate; no engine connects, and
files that it opens to write are not written.
"""

from __future__ import annotations

import ast
import builtins
import configparser
import importlib
import io
import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from whimbrel.config import application_of_flask
from whimbrel.sources.names import mappers_of
from whimbrel.sources.sqlalchemy import metadata_of

_open = builtins.open


class Nothing:
    """Whatever else env.py asks of Alembic: each attribute and each call is nothing too."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False


class NoConnection(Nothing):
    """The connection that an engine gets here."""

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def run_sync(self, function: Any, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)


def without_connections() -> None:
    """See to it that no engine connects, whatever is imported or run."""
    engines: list[Any] = [sa.engine.Engine]
    with suppress(ImportError):
        engines.append(importlib.import_module("sqlalchemy.ext.asyncio").AsyncEngine)
    for engine in engines:
        engine.connect = engine.begin = lambda *args, **options: NoConnection()
    sa.engine.Engine.raw_connection = lambda *args, **options: NoConnection()  # type: ignore[assignment,method-assign]


class Settings(Nothing):
    """Alembic's ``Config``: what the file says, in the sections that it has."""

    def __init__(self, file: Path | None) -> None:
        here = str(file.parent) if file else "."
        self.config_file_name = str(file) if file and file.suffix != ".toml" else None
        self.config_ini_section = "alembic"
        self.attributes: dict[str, Any] = {}
        self.cmd_opts = None
        self.file_config = configparser.ConfigParser({"here": here})
        if self.config_file_name:
            self.file_config.read(self.config_file_name, encoding="utf-8")

    def get_section(self, name: str, default: Any = None) -> Any:
        found = self.file_config.has_section(name)
        return dict(self.file_config.items(name)) if found else default

    def get_section_option(self, section: str, name: str, default: Any = None) -> Any:
        return self.file_config.get(section, name, fallback=default)

    def set_section_option(self, section: str, name: str, value: str) -> None:
        if not self.file_config.has_section(section):
            self.file_config.add_section(section)
        self.file_config.set(section, name, value)

    def get_main_option(self, name: str, default: Any = None) -> Any:
        return self.get_section_option(self.config_ini_section, name, default)

    def set_main_option(self, name: str, value: str) -> None:
        self.set_section_option(self.config_ini_section, name, value)


class Context(Nothing):
    """``alembic.context``. said: the options of each call of ``configure``."""

    def __init__(self, config: Settings, offline: bool = True) -> None:
        self.config, self.offline = config, offline
        self.said: list[dict[str, Any]] = []

    def configure(self, *args: Any, **options: Any) -> None:
        self.said.append(options)

    def is_offline_mode(self) -> bool:
        return self.offline

    def begin_transaction(self) -> Any:
        return nullcontext()

    def get_x_argument(self, as_dictionary: bool = False) -> Any:
        return {} if as_dictionary else []


def stand_in(context: Context) -> None:
    """Put a context in the place of Alembic's, whether that is installed or not."""
    try:
        alembic: Any = importlib.import_module("alembic")
    except ImportError:
        alembic = sys.modules["alembic"] = ModuleType("alembic")
        alembic.op = Nothing()
    loaded: dict[str, Any] = sys.modules
    alembic.context = loaded["alembic.context"] = context


def run_as_it_can(env: Path, config: Path) -> tuple[Context, dict[str, Any], str | None]:
    """Run an env.py offline, or, where it refuses that, as if there were a connection."""
    for offline in (True, False):
        context = Context(Settings(config), offline)
        stand_in(context)
        names, error = run(env)
        if context.said or error is None:
            break
    return context, names, error


def run(env: Path) -> tuple[dict[str, Any], str | None]:
    """Return the names at the top of an env.py after it ran, and what stopped it.

    After that only what names things is run, since it may say where the models are.
    """
    module = sys.modules["env_py"] = ModuleType("env_py")
    module.__file__ = str(env)
    stopped: str | None = None
    try:
        if b"current_app" in env.read_bytes():
            # As ``flask db`` runs it: FLASK_APP says which application, or app.py or wsgi.py has it.
            cli: Any = importlib.import_module("flask.cli")
            cli.load_dotenv()
            cli.ScriptInfo(app_import_path=application_of_flask()).load_app().app_context().push()
    except (Exception, SystemExit) as error:
        stopped = _describe(error, env)
    try:
        statements = ast.parse(env.read_bytes()).body
    except (SyntaxError, ValueError) as error:
        return vars(module), _describe(error, env)
    for each in statements:
        if stopped is None or _only_names(each):
            try:
                exec(compile(ast.Module([each], []), str(env), "exec"), vars(module))
            except (Exception, SystemExit) as error:
                stopped = stopped or _describe(error, env)
    return vars(module), stopped


def _only_names(statement: ast.stmt) -> bool:
    """True for an import, and for an assignment that calls nothing."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return not any(isinstance(each, ast.Call) for each in ast.walk(statement))
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _describe(error: BaseException, env: Path) -> str:
    """Return what stopped it, and where; what else an error says may be a secret, as a URL is."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(env)
    ]
    why = f": {error}" if isinstance(error, ImportError | NameError | RuntimeError) else ""
    at = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}{at}{why}"


def metadatas_of(said: Iterable[dict[str, Any]], names: dict[str, Any]) -> list[sa.MetaData]:
    """The metadata that env.py gave Alembic, each once, or that it keeps for it."""
    found: list[sa.MetaData] = []
    for value in (*(each.get("target_metadata") for each in said), names.get("target_metadata")):
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, sa.MetaData) and not any(each is one for one in found):
                found.append(each)
    return found


def modules() -> dict[str, ModuleType]:
    """Return the modules that env.py imported, in order, but for libraries that hold nobody's models."""
    others = sys.stdlib_module_names | {"sqlalchemy", "alembic", "whimbrel", "env_py"}
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in others and isinstance(module, ModuleType)
    }


def target(metadata: sa.MetaData, said: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A metadata: by what names it is reached, which modules make its tables, and which there are."""
    return {
        "names": [f"{module}:{name}" for module, name in _names(metadata)],
        "held": next(_held(metadata), None),
        "modules": list(_registering(metadata)),
        "tables": sorted(metadata.tables),
        "left_out": sorted(_left_out(metadata, said)),
        "database": next(_databases(metadata, said), None),
    }


def _databases(metadata: sa.MetaData, said: Iterable[dict[str, Any]]) -> Iterator[int]:
    """The number of the database that it is for, where env.py configures several."""
    urls: list[str] = []
    for options in said:
        url, given = str(options.get("url")), options.get("target_metadata")
        urls += [] if url in urls else [url]
        if any(each is metadata for each in (given if isinstance(given, list) else [given])):
            yield urls.index(url)


def _public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(module).items()):
        if not name.startswith("_"):
            yield name, value


def _names(metadata: sa.MetaData) -> list[tuple[str, str]]:
    """A base before the metadata itself; then the one module that makes its tables; then its own."""
    makers, found = list(_registering(metadata)), []
    for number, (name, module) in enumerate(modules().items()):
        for attribute, value in _public(module):
            held = None
            with suppress(Exception):  # a proxy may have nothing behind it
                held = None if hasattr(value, "__table__") else metadata_of(value)
            if held is metadata:
                elsewhere = getattr(value, "__module__", name) != name
                rank = (isinstance(value, sa.MetaData), makers != [name], elsewhere, number)
                found.append((rank, name, attribute))
    return [(name, attribute) for _, name, attribute in sorted(found)]


def _held(metadata: sa.MetaData) -> Iterator[list[str]]:
    """Yield the places where Flask-SQLAlchemy keeps the metadata of a bind: module, attribute, key."""
    for name, module in modules().items():
        for attribute, value in _public(module):
            held: Any = None
            with suppress(Exception):
                held = getattr(value, "metadatas", None)
            for key, each in held.items() if isinstance(held, dict) else ():
                if each is metadata and isinstance(key, str):
                    yield [name, attribute, key]


def _registering(metadata: sa.MetaData) -> Iterator[str]:
    classes = {each.class_.__module__ for all_ in mappers_of(metadata).values() for each in all_}
    for name, module in modules().items():
        tables = (value for _, value in _public(module) if isinstance(value, sa.Table))
        if name in classes or any(table.metadata is metadata for table in tables):
            yield name


def _left_out(metadata: sa.MetaData, said: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The tables that ``include_object`` of env.py keeps from Alembic."""
    includes: list[Any] = [each.get("include_object") for each in said]
    for include in filter(None, includes):
        for key, table in metadata.tables.items():
            with suppress(Exception):
                if not include(table, table.name, "table", False, None):
                    yield key


def main() -> None:
    """Read what to run from stdin, as JSON; write what was found into the file that it names."""
    asked = json.load(sys.stdin)
    sys.path[:0] = asked["paths"]
    builtins.open = _nothing_written
    without_connections()
    context, names, error = run_as_it_can(Path(asked["env"]), Path(asked["config"]))
    options = {key: value for each in context.said for key, value in each.items()}
    table, schema = options.get("version_table"), options.get("version_table_schema")
    found = {
        "targets": [target(each, context.said) for each in metadatas_of(context.said, names)],
        "version_table": [schema, table],
        "error": error,
    }
    with _open(asked["answer"], "w", encoding="utf-8") as file:
        json.dump(found, file, default=str)


def _nothing_written(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
    if set(mode) & set("wax+"):
        return io.BytesIO() if "b" in mode else io.StringIO()
    return _open(file, mode, *args, **options)


if __name__ == "__main__":
    main()
