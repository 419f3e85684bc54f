"""Answers a call: the flow's first NCCO."""

from dispatch.flow_response import make_answer_handler

handler = make_answer_handler()
