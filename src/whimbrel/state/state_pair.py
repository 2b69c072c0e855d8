"""The state of the models and the state of the database, and how the two diverge.

They are one value until a SeparateDatabaseAndState tells them apart. What was in the database all
along may come into the models later, by another one. The first operation that changes it finds it
in the models alone: then the database has what the models say of it (`StatePair.adopt`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from whimbrel.state.state import State


class StatePair(NamedTuple):
    """The state of the models and that of the database."""

    models: State
    database: State

    @classmethod
    def empty(cls) -> StatePair:
        """Return the beginning of every history."""
        return cls.of(State())

    @classmethod
    def of(cls, state: State) -> StatePair:
        """Return a pair that is one state."""
        return cls(state, state)

    @property
    def is_one(self) -> bool:
        """True while nothing tells the two apart."""
        return self.models is self.database

    def join(self) -> StatePair:
        """Return one state, where both have become the same again."""
        models, database = self
        if models is database or models.models.keys() != database.models.keys():
            return self
        if any(each is not database.models[label] for label, each in models.models.items()):
            return self
        return StatePair.of(models) if models.has_name_counts_of(database) else self

    def adopt(self, labels: Iterable[str]) -> StatePair:
        """Return the pair with a database in which some models are what the models' state says of them."""
        models, database = self
        wanted = {label: models.models.get(label) for label in self._with_targets(labels)}
        tables = {
            table for model in wanted.values() if model is not None for table in model.tables()
        }
        # Of a many-to-many table that is a model's own now, the models say that it is no field's.
        for label, model in database.models.items():
            if label in models.models and not tables.isdisjoint(
                map(model.through_table, model.fields)
            ):
                wanted.setdefault(label, models.models[label])
        left = [
            label
            for label, model in database.models.items()
            if label not in models.models and (label in wanted or model.at in tables)
        ]
        adopted = database.adopt([each for each in wanted.values() if each], left, models)
        return self._replace(database=adopted)

    def _with_targets(self, labels: Iterable[str]) -> list[str]:
        """Return some labels, with those that their models point at and the database does not have."""
        found = dict.fromkeys(sorted(labels))
        fresh = list(found)
        while fresh:
            model = self.models.models.get(fresh.pop())
            more = sorted(model.relations if model else ())
            new = [each for each in more if each not in self.database.models and each not in found]
            found.update(dict.fromkeys(new))
            fresh += new
        return list(found)
