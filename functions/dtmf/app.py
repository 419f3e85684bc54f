"""Answers the keys that a caller pressed."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("dtmf")
