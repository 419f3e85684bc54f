"""`voicectl token`: a token that Vonage accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_voice_api_accepts_a_token(terminal: CliTerminal) -> None:
    made = await terminal.json("token", "--lifetime", "60")
    url = f"{terminal.platform.vonage.http_url}/v1/calls"
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with terminal.http.get(url, headers=headers) as response:
        assert response.status == 200
    assert made["claims"]["exp"] - made["claims"]["iat"] == 60


async def test_the_claims_are_shown_and_the_key_is_not(terminal: CliTerminal) -> None:
    shown = await terminal("token")
    assert shown.status == 0, shown
    assert terminal.platform.credentials.application_id in shown.out
    assert "PRIVATE KEY" not in shown.out + shown.err
