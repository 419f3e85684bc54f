"""The command that links a stack to Vonage, checks it and operates it: ``voicectl``."""
