"""Answers a call: the flow's first NCCO."""

from reception.asking import answering

handler = answering()
