"""The Review pane: records, one key a decision."""
