"""ASR webhook: pass the speech of a caller to the flow."""

from dispatch.event_webhook import make_event_handler

handler = make_event_handler("asr")
