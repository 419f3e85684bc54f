"""Server and files of the web console: softphone, call inspector, flows, and faults.

It uses the simulator only through its control API, ``/sim``.
"""

from local.webconsole.server import ConsoleContext, WebConsole

__all__ = ["ConsoleContext", "WebConsole"]
