"""Examples to copy: they import nothing of this repository."""
