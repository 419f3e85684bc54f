"""`voicectl rotate`: replace the key pair and the signature secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliAccount, CliTerminal, Secrets

pytestmark = pytest.mark.asyncio(loop_scope="session")
NEW = "another-signature-secret-of-the-account"
AT_ONCE = ("--wait", "0", "--settle", "0", "--yes")


# The key


async def test_after_a_rotation_the_stack_and_vonage_have_the_same_new_key(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    old, before = secrets.read(secrets.application), await account.application()
    ran = await terminal("rotate", "key", *AT_ONCE)
    assert ran.status == 0, ran
    held, application = secrets.read(secrets.application), await account.application()
    assert held["private_key"] != old["private_key"]
    assert held["next_private_key"] == ""
    assert application["keys"] != before["keys"]
    assert application["capabilities"] == before["capabilities"]
    checks = (await terminal("--json", "doctor")).json["checks"]
    assert {one["check"]: one["state"] for one in checks}["key pair"] == "ok"
    assert "PRIVATE KEY" not in ran.out + ran.err


@pytest.mark.parametrize("requests", [1, 2])
async def test_an_interrupted_key_rotation_is_resumed(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets, requests: int
) -> None:
    before = await account.application()
    await terminal.vonage("PUT", "/sim/faults", terminal.drop_after(requests))
    broken = await terminal("rotate", "key", *AT_ONCE)
    assert (broken.status, broken.err.count("\n")) == (1, 1), broken
    await terminal.vonage("PUT", "/sim/faults", {})
    assert (await terminal("rotate", "key", *AT_ONCE)).status == 0
    assert (await account.application())["keys"] != before["keys"]
    assert secrets.read(secrets.application)["next_private_key"] == ""
    checks = (await terminal("--json", "doctor")).json["checks"]
    assert {one["check"]: one["state"] for one in checks}["key pair"] == "ok"


# The signature secret


async def test_the_old_secret_is_removed_after_a_webhook_with_the_new_one(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    old = terminal.platform.credentials.signature_secret
    # Given a rotation in progress, and no webhook with the new secret
    env = {"VONAGE_NEW_SIGNATURE_SECRET": NEW}
    begun = await terminal("rotate", "signature", *AT_ONCE, "--patience", "0", environment=env)
    assert begun.status == 1, begun
    held = secrets.read(secrets.signing)
    assert (held["signature_secret"], held["previous_signature_secret"]) == (NEW, old)
    # When a webhook signed with it is stored
    with terminal.stored_webhook(NEW):
        ended = await terminal("rotate", "signature", *AT_ONCE)
    # Then the next run removes the old one, which stays valid for links and calls
    assert ended.status == 0, ended
    held = secrets.read(secrets.signing)
    assert (held["signature_secret"], held["previous_signature_secret"]) == (NEW, "")
    assert held["retired_signature_secret"] == old
    assert NEW not in begun.out + begun.err + ended.out + ended.err


async def test_a_webhook_with_the_old_signature_removes_nothing(
    terminal: CliTerminal, account: CliAccount, secrets: Secrets
) -> None:
    await terminal.call_until_stored()
    env = {"VONAGE_NEW_SIGNATURE_SECRET": "never-" + NEW}
    ran = await terminal("rotate", "signature", *AT_ONCE, "--patience", "1", environment=env)
    assert ran.status == 1
    old = terminal.platform.credentials.signature_secret
    assert secrets.read(secrets.signing)["previous_signature_secret"] == old


@pytest.mark.parametrize("field", ["previous_signature_secret", "retired_signature_secret"])
async def test_revoke_removes_an_old_secret_at_once(
    terminal: CliTerminal, secrets: Secrets, field: str
) -> None:
    before = secrets.read(secrets.signing)
    secrets.write(secrets.signing, before | {"signature_secret": NEW, field: "leaked"})
    # Webhooks with the old signature, which an attacker can send, delay nothing.
    with terminal.stored_webhook("leaked"):
        planned = await terminal("rotate", "signature", "--revoke", "--dry-run")
        assert secrets.read(secrets.signing)[field] == "leaked"
        ran = await terminal("rotate", "signature", "--revoke", "--yes")
    assert (planned.status, planned.out) == (0, "would remove the old secret\n")
    assert (ran.status, ran.out) == (0, "done: removed the old secret\n")
    held = secrets.read(secrets.signing)
    assert held["signature_secret"] == NEW
    assert "leaked" not in held.values()


async def test_revoke_without_an_old_secret_names_the_steps_before(
    terminal: CliTerminal, secrets: Secrets
) -> None:
    before = secrets.read(secrets.signing)
    ran = await terminal("rotate", "signature", "--revoke", "--yes")
    assert (ran.status, ran.out) == (1, "")
    assert "no old signature secret. Run `voicectl --local rotate signature` first" in ran.err
    assert secrets.read(secrets.signing) == before


async def test_only_a_signature_secret_is_revoked(terminal: CliTerminal) -> None:
    ran = await terminal("rotate", "key", "--revoke")
    assert (ran.status, ran.out) == (2, "")
    assert "--revoke" in ran.err


@pytest.mark.parametrize(("secret", "words"), [("short", "16"), ("with a space in it", "space")])
async def test_an_invalid_secret_is_rejected(
    terminal: CliTerminal, secrets: Secrets, secret: str, words: str
) -> None:
    before = secrets.read(secrets.signing)
    ran = await terminal(
        "rotate", "signature", *AT_ONCE, environment={"VONAGE_NEW_SIGNATURE_SECRET": secret}
    )
    assert (ran.status, words in ran.err, secret in ran.err) == (1, True, False)
    assert secrets.read(secrets.signing) == before


async def test_without_a_prompt_the_error_names_the_variable(terminal: CliTerminal) -> None:
    ran = await terminal("rotate", "signature", "--json")
    assert ran.status == 1
    assert "VONAGE_NEW_SIGNATURE_SECRET" in json.loads(ran.out)["error"]
