"""The same program in a browser, for who holds the link."""
