"""The web console: a phone, the calls, the clock and the faults, served on a loopback address.

It uses the simulator only through its control API, ``/sim``. Another program can add views and
routes of its own: see `ConsoleServer`.
"""

from .server import ConsoleServer

__all__ = ["ConsoleServer"]
