"""Stored events and recordings: parse them, write and read them, and build a call's timeline."""
