"""Where the events of a call go: one rule for every kind of event."""

from .legs import Leg
from .ncco import Callback
from .settings import WebhookTarget


def own_target(callback: Callback) -> WebhookTarget | None:
    """Return the target of an action's own eventUrl, or None if it has none."""
    if callback.url is None:
        return None
    return WebhookTarget(
        callback.url, "GET" if callback.method == "GET" else "POST", read_ms=10_000
    )


def event_target(leg: Leg, *callbacks: Callback) -> WebhookTarget | None:
    """Return where an event of a leg goes, or None if no URL is set.

    The first of these callbacks with an eventUrl wins. Without one, the leg's own event URL does:
    that of POST /v1/calls, or of the connect action that called the leg. `SimulatorState.new_leg`
    gives all other legs the application's event_url.
    """
    for callback in callbacks:
        target = own_target(callback)
        if target is not None:
            return target
    return leg.event
