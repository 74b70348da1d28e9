"""What every pane is made of: the screen itself, its store, its forms, its drafts."""
