"""Which extension of PostgreSQL has a type or an operator class that is not there."""

from __future__ import annotations

import re

#: Names by their extension: those of PostgreSQL 18, appendix F, and of pgvector and PostGIS.
_NAMES = {
    "citext": "citext",
    "cube": "cube",
    "hstore": "hstore gin_hstore_ops gist_hstore_ops",
    "intarray": "gin__int_ops gist__int_ops gist__intbig_ops query_int",
    "isn": "ean13 isbn isbn13 ismn ismn13 issn issn13 upc",
    "ltree": "lquery ltree ltxtquery gist_ltree_ops",
    "pg_trgm": "gin_trgm_ops gist_trgm_ops",
    "postgis": "box2d box3d geography geometry",
    "postgis_raster": "raster",
    "seg": "seg",
    "vector": "halfvec sparsevec vector halfvec_cosine_ops halfvec_ip_ops halfvec_l2_ops "
    "vector_cosine_ops vector_ip_ops vector_l2_ops",
}
_EXTENSIONS = {name: owner for owner, names in _NAMES.items() for name in names.split()}

_MISSING = re.compile(r'^(?:type|operator class) "(?:[^"]*\.)?(?P<name>[^".\[]+)(?:\[\])?"')


def missing_extension(message: str) -> str | None:
    """The extension of what an error says is not there; None for what is of none that is known."""
    found = _MISSING.match(message)
    return _EXTENSIONS.get(found["name"]) if found else None
