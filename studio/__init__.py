"""Studio: from documents and a handful of examples to a trained local model with a measured gain."""

__version__ = "0.1.0"
