"""Alembic's revisions, inside the package so that a wheel carries them."""
