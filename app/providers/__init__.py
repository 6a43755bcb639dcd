"""The upstream systems, one adapter each."""
