"""Answers when all else fails, whoever asks: it imports nothing, so that nothing can keep it back."""

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
