"""Answers a notify action."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("notification")
