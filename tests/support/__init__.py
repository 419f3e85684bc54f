"""Helpers for tests, including your own: signed webhooks, Lambda events, faults."""
