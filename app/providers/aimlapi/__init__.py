"""AI/ML API: two calls, many words for the same state."""
