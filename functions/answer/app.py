"""Answer webhook: respond with the first NCCO of the flow."""

from dispatch.flow_response import make_answer_handler

handler = make_answer_handler()
