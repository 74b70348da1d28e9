"""The Home pane: the projects opened lately, and the way to a new one."""
