"""The Generate pane: plan a run, watch it, see what came of it."""
