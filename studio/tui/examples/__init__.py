"""The Examples pane: few-shot examples beside the corpus."""
