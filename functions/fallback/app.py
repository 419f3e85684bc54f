"""Answers when all else fails, whoever asks. It imports nothing, so that nothing can stop it."""

_NCCO = (
    '[{"action":"talk","text":"We are sorry, we cannot take your call at the moment.'
    ' Please try again later. Goodbye."}]'
)


def handler(event: object, context: object) -> dict[str, object]:
    """Give a fixed, polite NCCO."""
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": _NCCO,
    }
