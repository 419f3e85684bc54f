"""Keys of the items that the admin API stores beside the events, under keys no conversation has."""

from __future__ import annotations

IDEMPOTENCY_PREFIX = "idempotency#"
"""Begins the partition key of the record of an Idempotency-Key."""


def idempotency_key(key: str) -> dict[str, str]:
    """Return the key of the item that records a request with an Idempotency-Key."""
    return {"pk": f"{IDEMPOTENCY_PREFIX}{key}", "sk": "claim"}


def daily_count_key(day: str) -> dict[str, str]:
    """Return the key of the item that counts the callees of a day (UTC), such as 2026-01-31."""
    return {"pk": "dialling", "sk": day}
