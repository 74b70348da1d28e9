"""Training retrievers: encoders in, plain sentence-transformers folders out."""
