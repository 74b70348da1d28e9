"""The Jobs pane: everything that runs or ran."""
