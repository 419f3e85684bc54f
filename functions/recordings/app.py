"""Puts a finished recording on the queue from which it is fetched."""

from reception.desk import receiving

handler = receiving("recordings")
