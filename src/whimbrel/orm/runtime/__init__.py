"""The mapped classes of historical models, and what their instances can do."""
