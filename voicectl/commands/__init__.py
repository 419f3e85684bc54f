"""One module for each command: its NAME, its HELP, its ``arguments`` and its ``run``."""
