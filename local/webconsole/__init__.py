"""The page with the telephone and the inspector: what serves it, and answers what it asks.

It speaks to the simulated Vonage as anybody does, over its /sim door.
"""

from local.webconsole.server import ConsoleContext, WebConsole

__all__ = ["ConsoleContext", "WebConsole"]
