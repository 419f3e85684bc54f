"""Answers a notify action."""

from reception.desk import receiving

handler = receiving("notification")
