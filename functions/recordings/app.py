"""Recording webhook: queue a finished recording to be fetched."""

from dispatch.initialization import without_garbage_collection

with without_garbage_collection():
    from dispatch.event_webhook import make_event_handler
    from dispatch.flow_response import prefetch

    handler = make_event_handler("recordings")
    prefetch()
