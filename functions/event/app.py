"""Keeps what Vonage reports of a call, and answers where the flow answers the event."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("event")
