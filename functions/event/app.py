"""Event webhook: store the event, and respond with an NCCO if the flow returns one."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("event")
