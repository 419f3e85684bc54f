"""Answers what a caller said."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("asr")
