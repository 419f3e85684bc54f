"""Helpers for tests, those of your own flows as well: signed webhooks, Lambda's events, faults."""
