"""The heartbeat on the local platform, through the API, signature verification and flow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from local.aws.lambda_service import Result

ROOT = Path(__file__).parents[2]


def log_line(result: Result) -> dict[str, object]:
    """Return the log line of a heartbeat."""
    (line,) = [json.loads(text) for text in result.log if '"heartbeat"' in text]
    return dict(line)


@pytest.mark.asyncio
async def test_a_heartbeat_succeeds_through_the_public_url_and_stores_no_event(
    tmp_path: Path,
) -> None:
    # given the application with the resources of production
    options = PlatformOptions(folder=tmp_path / "platform", parameters={"Stage": "production"})
    async with LocalPlatform(ROOT, options) as platform:
        # when the heartbeat runs
        line = log_line(await platform.lambdas.invoke("HeartbeatFunction", {}))
        table = platform.moto.client("dynamodb").scan(TableName=platform.stack.outputs["TableName"])
    # then a caller would hear a prompt, and nothing is stored
    assert (line["outcome"], line["status"]) == ("heard", 200)
    assert table["Items"] == []
