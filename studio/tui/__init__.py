"""The terminal program: panes over the same store and jobs that the command line uses."""
