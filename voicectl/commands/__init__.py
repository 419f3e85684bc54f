"""The commands, one module each: NAME, HELP, ``arguments`` and ``run``."""
