"""The HTTP surface: one file per resource, requests in, OpenAI's shapes out."""
