"""Planning: from a plan to the steps of its migrations. Pure: no connection is opened."""
