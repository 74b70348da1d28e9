"""Plots in characters. They know nothing of the studio but how text is made harmless."""
