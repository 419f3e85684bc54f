"""The command that wires, checks and operates a stack: ``python -m voicectl``."""
