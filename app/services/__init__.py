"""What the gateway does: accept videos, route them, run them, tell who waits."""
