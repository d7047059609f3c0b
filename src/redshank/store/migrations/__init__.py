"""Alembic scripts, one numbered file per change of the schema."""
