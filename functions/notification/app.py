"""Notification webhook: pass the payload of a notify action to the flow."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("notification")
