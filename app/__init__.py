"""Reelgate: a self-hosted, OpenAI-compatible gateway for video generation."""
