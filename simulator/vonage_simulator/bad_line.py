"""A bad line between the simulator and a WebSocket's application, as the faults require.

Each fault decides once per connection whether it affects it.
"""

from .faults import Faults

# When a stall begins, in seconds after the connection.
STALL_AFTER = 1.0


class BadLine:
    """The faults of one connection; times are those of the simulator's clock."""

    def __init__(self, faults: Faults) -> None:
        self.faults: list[str] = []  # those that affect the connection from its beginning
        self.is_holding = False  # whether messages wait, in both directions
        self._connected_at = self._held_until = 0.0
        self._random = faults.connection_source()
        self._close_after: float | None = None
        self._loss = self._jitter_seconds = self._stall_seconds = self.slow_seconds = 0.0
        self.refuse_status: int | None = None
        if faults.is_triggered("ws_refuse", self.faults):
            self.refuse_status = int(faults.value("ws_refuse"))
            return  # the others affect only connections
        if faults.is_triggered("ws_close", []):
            self._close_after = faults.value("ws_close")
        self.slow_seconds = self._value(faults, "ws_slow")
        self._loss = self._value(faults, "ws_loss")
        self._jitter_seconds = self._value(faults, "ws_jitter") / 1000
        self._stall_seconds = self._value(faults, "ws_stall")

    def _value(self, faults: Faults, name: str) -> float:
        return faults.value(name) if faults.is_triggered(name, self.faults) else 0.0

    def connect(self, at: float) -> None:
        """Begin the connection at this time."""
        self._connected_at = self._held_until = at

    def is_cut(self, at: float) -> bool:
        """Return whether the connection must be closed by this time (`ws_close`)."""
        return self._close_after is not None and at >= self._connected_at + self._close_after

    def loses_frame(self) -> bool:
        """Return whether the next frame of the caller's audio is lost (`ws_loss`)."""
        return self._random.random() < self._loss

    def releases(self, at: float) -> bool:
        """Return whether messages pass now; those that waited pass together, in order."""
        stall_begin = self._connected_at + STALL_AFTER
        if at < self._held_until or stall_begin <= at < stall_begin + self._stall_seconds:
            self.is_holding = True
            return False
        self._held_until = at + self._random.uniform(0.0, self._jitter_seconds)
        self.is_holding = self._held_until > at
        return True
