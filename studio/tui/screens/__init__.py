"""The screens, one module per pane."""
