"""fal.ai: its queue, its storage, its callbacks."""
