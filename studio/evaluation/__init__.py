"""Measuring retrieval: lexical and dense search, the usual scores, and whether a gain is real."""
