"""Puts a finished recording on the queue from which it is fetched."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("recordings")
