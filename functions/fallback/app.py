"""Return a static NCCO. This module imports nothing, so it can't fail to load."""

_NCCO = (
    '[{"action":"talk","text":"We are sorry, we cannot take your call at the moment.'
    ' Please try again later. Goodbye."}]'
)


def handler(event: object, context: object) -> dict[str, object]:
    """Return the static NCCO to any request, signed or not."""
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": _NCCO,
    }
