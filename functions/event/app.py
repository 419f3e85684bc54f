"""Keeps what Vonage reports of a call, and answers where the flow answers the event."""

from reception.desk import receiving

handler = receiving("event")
