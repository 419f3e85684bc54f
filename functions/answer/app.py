"""Answers a call: the flow's first NCCO."""

from reception.desk import answering

handler = answering()
