"""Calling LLMs: endpoints, the client, the engine with its budget, and the embedded models."""
