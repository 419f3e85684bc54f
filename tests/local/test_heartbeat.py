"""The heartbeat on the local platform: through gateway, signature and flow, and nothing is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from local.aws.lambda_service import Result

ROOT = Path(__file__).parents[2]


def said(result: Result) -> dict[str, object]:
    """Give the line that a beat wrote."""
    (line,) = [json.loads(text) for text in result.log if '"heartbeat"' in text]
    return dict(line)


@pytest.mark.asyncio
async def test_a_beat_is_heard_through_the_public_address_and_leaves_no_event(
    tmp_path: Path,
) -> None:
    # given the application with everything that production has
    options = PlatformOptions(folder=tmp_path / "platform", parameters={"Stage": "production"})
    async with LocalPlatform(ROOT, options) as platform:
        # when the heart beats
        line = said(await platform.lambdas.invoke("HeartbeatFunction", {}))
        kept = platform.cloud.client("dynamodb").scan(TableName=platform.stack.outputs["TableName"])
    # then a caller would have heard something, and nothing says that there was one
    assert (line["outcome"], line["status"]) == ("heard", 200)
    assert kept["Items"] == []
