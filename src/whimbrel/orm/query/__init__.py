"""Queries of historical models: from a queryset's calls to statements, and from rows to instances."""
