"""Bytes: where they are stored, how they are fetched, what they are."""
