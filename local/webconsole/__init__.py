"""The local platform's web console: flows, logs, stored items and messages, beside the simulator's.

`vonage_simulator.console` has the phone, the calls, the clock and the faults.
"""

from local.webconsole.server import ConsoleContext, WebConsole

__all__ = ["ConsoleContext", "WebConsole"]
