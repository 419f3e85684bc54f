"""Answers what a caller said."""

from reception.desk import receiving

handler = receiving("asr")
