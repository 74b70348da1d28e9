"""The Prompt pane: a template, its versions, and live generations of it."""
