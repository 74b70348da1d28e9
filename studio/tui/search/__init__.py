"""The Search pane: rankings of the systems side by side."""
