"""The Rounds pane: errors on validation and what an LLM extrapolates from them."""
