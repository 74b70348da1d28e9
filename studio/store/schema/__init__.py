"""One file per migration from the fourth on; the first three stand in ``migrations.py``."""
