"""Vonage's CLI for Node. Its requests for Vonage's hosts go to the simulator's HTTPS port.

Two commands of this version are left out: `apps:delete` sends a body without its length, which
HTTP does not allow, and `numbers:cancel` sends a purchase.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.simulator.harness import NUMBER, SECOND_NUMBER, SimulatorHarness

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sdk.conftest import NodePackages


async def linked(harness: SimulatorHarness) -> Any:
    """Return the application of each number."""
    return (await harness.control("GET", "")).json["numbers"]


async def test_balance(node: NodePackages) -> None:
    assert "100.00 EUR" in await node.cli("balance")


async def test_applications(harness: SimulatorHarness, node: NodePackages, tmp_path: Path) -> None:
    answer, event = harness.url("/answer"), harness.url("/event")
    await node.cli(
        "apps:create", "mine", f"--voice_answer_url={answer}", f"--voice_event_url={event}"
    )
    created = json.loads((tmp_path / "vonage_app.json").read_text())
    application_id = created["application_id"]
    await node.cli("apps:update", application_id, f"--voice_answer_url={answer}/2")
    assert f"{answer}/2" in await node.cli("apps:show", application_id)
    assert application_id in await node.cli("apps")


async def test_numbers_are_linked_and_unlinked(
    harness: SimulatorHarness, node: NodePackages
) -> None:
    assert SECOND_NUMBER in await node.cli("numbers")
    await node.cli("apps:unlink", f"--number={NUMBER}")
    assert (await linked(harness))[NUMBER] is None
    await node.cli("apps:link", harness.simulator.application_id, f"--number={NUMBER}")
    assert (await linked(harness))[NUMBER] == harness.simulator.application_id


async def test_numbers_are_found_bought_and_updated(
    harness: SimulatorHarness, node: NodePackages
) -> None:
    assert "12015550199" in await node.cli("numbers:search", "US", "--endsWith=99")
    await node.cli("numbers:buy", "12015550199", "US")
    assert "12015550199" in await linked(harness)
    await node.cli("numbers:update", "12015550199", "US", "--url=https://example.com/sms")


async def test_users_of_an_application(harness: SimulatorHarness, node: NodePackages) -> None:
    (node.home / "vonage_app.json").write_text(
        json.dumps(
            {
                "application_id": harness.simulator.application_id,
                "private_key": node.private_pem,
            }
        )
    )
    created = await node.cli("apps:users:create", "jo", "--display_name=Jo")
    assert "USR-" in created
    assert "jo" in await node.cli("apps:users")
