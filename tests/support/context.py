"""Lambda's context object."""

from __future__ import annotations

from typing import NamedTuple


class FakeLambdaContext(NamedTuple):
    """The context of one invocation, as far as functions use it."""

    seconds_left: float = 6.0
    function_name: str = "test"
    function_version: str = "7"
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-2:123456789012:function:test:live"

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds that are left, the same however often it is asked."""
        return int(self.seconds_left * 1000)
