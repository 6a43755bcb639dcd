"""Decisions without I/O: requests, sizing, the catalogue, prices, the state machine."""
