"""Answers the keys that a caller pressed."""

from reception.desk import receiving

handler = receiving("dtmf")
