"""A fake of Lambda's context object."""

from __future__ import annotations

from typing import NamedTuple


class FakeLambdaContext(NamedTuple):
    """The parts of an invocation's context that the functions use."""

    seconds_left: float = 6.0
    function_name: str = "test"
    function_version: str = "7"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-2:123456789012:function:test:live"

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining milliseconds, a constant."""
        return int(self.seconds_left * 1000)
