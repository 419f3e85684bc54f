"""Shared by all webhook functions: store the event, run the flow, build the response."""
