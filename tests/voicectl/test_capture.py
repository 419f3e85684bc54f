"""`voicectl capture`: the simulator can reproduce what one call reveals."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.voicectl.capture_run import CALLER, NUMBER, PATIENCE, run_capture, write_stack_file
from voicectl.capture_app import ReceivedWebhook, redacted
from vonage_simulator import Simulator, SimulatorSettings
from vonage_simulator.calibration import FIELDS, CalibrationError, calibrated, read

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

UNUSUAL: dict[str, Any] = {
    "webhook_attempts": 3,
    "webhook_retry_pause": 0.4,
    "retry_keeps_jti": True,
    "get_hash_decodes_nested": True,
    "dtmf_only_speech": "error",
    "ringing_after": 0.3,
    "words_per_minute": 900.0,
    "record_event_delay": (0.8, 0.8),
    "inbound_rate": "0.01230000",
    "inbound_network": "GB-UNUSUAL",
}
USUAL = {name: getattr(SimulatorSettings(), name) for name in UNUSUAL} | {
    "words_per_minute": 600.0,
    "record_event_delay": (0.5, 0.5),
}


async def captured(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Capture one call at a simulator with these settings, and return the calibration file."""
    await run_capture(folder, settings, _follow, last_step="4")
    content: dict[str, Any] = json.loads((folder / "calibration.json").read_text())
    return content


async def _follow(http: aiohttp.ClientSession, leg: str) -> None:
    """Press a digit, speak, and press hash."""
    for action, key in (("input", "5"), ("record", "#")):
        await _reached(http, leg, action)
        await asyncio.sleep(0.2)
        async with http.post(f"/sim/calls/{leg}/digits", json={"digits": key}) as response:
            assert response.status == 204


async def _reached(http: aiohttp.ClientSession, leg: str, action: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        async with http.get(f"/sim/calls/{leg}/events") as response:
            events = (await response.json())["events"]
        if any(one["kind"] == "action" and one.get("action") == action for one in events):
            return
        await asyncio.sleep(0.1)
    raise AssertionError([one["kind"] for one in events])


@pytest.mark.parametrize("settings", [UNUSUAL, USUAL], ids=["unusual", "usual"])
async def test_a_captured_call_reveals_the_settings_of_its_simulator(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    found = (await captured(settings, tmp_path))["settings"]
    assert set(found) == set(settings)
    for name, value in settings.items():
        if name == "ringing_after":  # from timestamps, the others from this machine's clock
            assert found[name] == pytest.approx(value, abs=0.05)
        elif isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=0.5, abs=0.5), name
        elif isinstance(value, tuple):
            assert found[name] == pytest.approx(list(value), abs=0.6), name
        else:
            assert found[name] == value, name
    # And the simulator accepts them
    loaded = calibrated(SimulatorSettings(), tmp_path / "calibration.json")
    assert loaded.webhook_attempts == settings["webhook_attempts"]
    # And the file has no data of the caller
    text = (tmp_path / "calibration.json").read_text()
    assert not [secret for secret in (NUMBER, CALLER, "Bearer", "127.0.0.1") if secret in text]


def test_the_file_has_no_number_digit_speech_or_name_in_any_form() -> None:
    webhooks: list[dict[str, Any]] = [
        {"from": "sip:447700900123@pbx.example", "from_user": "Alice Smith"},
        {"from": "447700900123", "to": "+447700900123", "dtmf": "4711"},
        {
            "dtmf": {"digits": "4711", "timed_out": False},
            "speech": {"results": [{"text": "I am Alice", "confidence": "0.9"}]},
        },
    ]
    received = [
        ReceivedWebhook(0.0, 0.0, "event", "POST", fields, "", None, 200) for fields in webhooks
    ]
    text = json.dumps(redacted(received))
    assert not [one for one in ("7700900", "4711", "Alice") if one in text], text
    assert '"confidence": "0.9"' in text


async def test_without_a_call_nothing_is_written_and_the_webhooks_are_restored(
    tmp_path: Path,
) -> None:
    async with Simulator(SimulatorSettings(numbers=(NUMBER,))) as vonage:
        write_stack_file(tmp_path, vonage)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicectl", "capture", "--local", "--yes"),
            *("--public-url", "http://127.0.0.1:1", "--port", "0", "--patience", "0"),
            cwd=tmp_path,
            env={"PATH": ""},
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert (process.returncode, b"no webhook arrived" in err) == (1, True)
        assert vonage.application().answer is None
    assert not (tmp_path / "calibration.json").exists()


# The simulator reads the file


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"settings": 1}',
        '{"settings": {"api_secret": "x"}}',
        '{"settings": {"webhook_attempts": 0}}',
        '{"settings": {"webhook_attempts": true}}',
        '{"settings": {"words_per_minute": "fast"}}',
        '{"settings": {"record_event_delay": [2, 1]}}',
        '{"settings": {"dtmf_only_speech": "other"}}',
    ],
)
def test_an_invalid_calibration_file_is_rejected(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(CalibrationError):
        read(path)


def test_every_calibration_field_is_a_setting_of_the_simulator() -> None:
    assert set(FIELDS) <= set(SimulatorSettings.__dataclass_fields__)
    assert set(UNUSUAL) == set(FIELDS)
