"""The environment variables that template.yaml sets for a function."""

from __future__ import annotations

_STACK = {
    "STAGE": "test",
    "PUBLIC_BASE_URL": "",
    "TABLE_NAME": "events",
    "SIGNING_SECRET_ID": "signing",
    "SWITCHBOARD_SECRET_ID": "switchboard",
    "OVERFLOW_QUEUE_URL": "https://sqs.eu-west-2.amazonaws.com/123456789012/overflow",
    "RECORDINGS_QUEUE_URL": "https://sqs.eu-west-2.amazonaws.com/123456789012/recordings",
    "VONAGE_NUMBER": "442079460000",
    "SECOND_NUMBER": "447700900001",
    "DEFAULT_FLOW": "greet",
    "NUMBER_FLOWS": "",
    "CONFERENCE_NAME": "team",
    "LANGUAGE": "en-GB",
    "ALLOWED_PREFIXES": "",
    "DENIED_PREFIXES": "",
    "ALLOWED_SIP_DOMAINS": "",
    "AGENT": "",
    "KEEP_EVENTS_DAYS": "30",
    "SIGNATURE_MAX_AGE": "300",
    "ANSWER_GET_HASH": "report",
    "FLOW_TIME_LIMIT": "2500",
}


def stack(**changes: str) -> dict[str, str]:
    """Return the environment variables of a stack's functions, with changes."""
    return _STACK | changes


def credentials(endpoint: str) -> dict[str, str]:
    """Return the variables that Lambda adds, with another endpoint for AWS."""
    return {
        "AWS_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-key",
        "AWS_ENDPOINT_URL": endpoint,
    }
