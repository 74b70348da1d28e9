"""The Train pane: data, settings, curves and all models."""
