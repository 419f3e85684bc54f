"""DTMF webhook: pass the digits of a caller to the flow."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("dtmf")
