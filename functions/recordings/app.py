"""Recording webhook: queue a finished recording to be fetched."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("recordings")
