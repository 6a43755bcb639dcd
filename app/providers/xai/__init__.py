"""xAI: Grok Imagine Video from its maker."""
