"""Answer webhook: respond with the first NCCO of the flow."""

from dispatch.initialization import without_garbage_collection

with without_garbage_collection():
    from dispatch.flow_response import make_answer_handler, prefetch

    handler = make_answer_handler()
    prefetch(switchboard=True)
