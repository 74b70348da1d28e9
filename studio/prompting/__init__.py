"""Templates, shots, token counts, and what is read out of an LLM's answer."""
