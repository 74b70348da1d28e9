"""Studio: from documents and a few examples to a trained local model with a measured gain."""

__version__ = "0.1.0"
