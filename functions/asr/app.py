"""ASR webhook: pass the speech of a caller to the flow."""

from dispatch.initialization import without_garbage_collection

with without_garbage_collection():
    from dispatch.event_webhook import make_event_handler
    from dispatch.flow_response import prefetch

    handler = make_event_handler("asr")
    prefetch()
