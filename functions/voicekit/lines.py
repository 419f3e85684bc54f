"""Business lines: what a number says, in which language, when, and whom it rings.

`voicekit.switchboard` describes the document. Its ``lines`` have one object for each number, and
every part of it is optional::

    {
      "language": "en-GB", "style": 2, "premium": true,
      "greeting": "Miller's Bakery, good day.",
      "opening": {"time_zone": "Europe/London", "hours": {"monday": ["09:00-17:00"]}},
      "closed": "We are closed.",
      "nobody": "Sorry, we are all at the oven.",
      "menu": {
        "prompt": "Press 1 for orders, 2 for our address, or hold the line.",
        "keys": {
          "1": {"ring": [{"number": "447700900001", "seconds": 15}]},
          "2": {"say": "1 Main Street."},
          "3": {"voicemail": true}
        }
      },
      "ring": [{"number": "447700900001", "seconds": 20}],
      "voicemail": "on", "transcript": true,
      "message": "Please leave a message.", "thanks": "Goodbye.",
      "blocked": ["447700900666", "4490*", "withheld"]
    }

A stack's functions import this module only for flows that use `call.line` or `call.language`.
"""

from __future__ import annotations

import re

from voicekit import ncco
from voicekit.dial_policy import DialRefused, check_endpoint, policy_from
from voicekit.e164 import is_number
from voicekit.named_tuple import NamedTuple
from voicekit.switchboard import DocumentParser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from voicekit.dial_policy import DialPolicy
    from voicekit.settings import StackSettings
    from voicekit.switchboard import OpeningHours, Problems

SECONDS_TO_RING = 20
"""How long a number rings without ``seconds``; it is what a line without a document uses."""

MOST_NUMBERS = 20
"""The maximum number of numbers to ring in order."""

TEXTS = {
    "greeting": "Thank you for calling.",
    "closed": "We are closed at the moment. Please call again later.",
    "nobody": "Sorry, nobody can take your call at the moment.",
    "message": "Please leave a message after the tone, then press the hash key.",
    "thanks": "Thank you for your message. Goodbye.",
}
"""The texts of a line that has none of its own, in English."""

_VOICE = ("language", "style", "premium")
_PARTS = (
    *_VOICE,
    *TEXTS,
    *("opening", "menu", "ring", "voicemail", "transcript", "blocked"),
)
_SECONDS = range(5, 121)
_KEYS = "0123456789*"
# How networks and Vonage name a caller who withholds the number.
_WITHHELD = r"(?i)anonymous|private|restricted|unavailable|unknown|withheld"


class NumberToRing(NamedTuple):
    """A number, and for how many seconds it rings."""

    number: str
    seconds: int


class MenuEntry(NamedTuple):
    """What a digit of the menu does: speak a text, ring numbers, or take a message."""

    say: str | None = None
    ring: tuple[NumberToRing, ...] = ()
    voicemail: bool = False


class Line(NamedTuple):
    """A business line.

    Attributes
    ----------
    number
        The number of the line, E.164 without the plus; None if it is unknown. Callees see it.
    language
        The language that callers speak and hear, a BCP-47 tag.
    voice
        The options of talk actions: ``language``, ``style``, ``premium``.
    texts
        The texts of its own: those in `TEXTS`, and ``menu``.
    opening
        The opening hours; None if it is always open.
    menu
        What each digit does; empty without a menu.
    ring
        The numbers to ring in order.
    voicemail, transcript
        Whether callers can leave a message, and whether Vonage transcribes it.
    blocked
        Numbers, prefixes such as ``4490*``, and ``withheld``.
    skipped
        Why numbers of the document are not rung.
    """

    number: str | None
    language: str
    voice: Mapping[str, Any]
    texts: Mapping[str, str] = {}
    opening: OpeningHours | None = None
    menu: Mapping[str, MenuEntry] = {}
    ring: tuple[NumberToRing, ...] = ()
    voicemail: bool = True
    transcript: bool = False
    blocked: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def is_open(self, now: float) -> bool:
        """Return whether it is open at a time, in seconds since 1970."""
        return self.opening is None or self.opening.is_open(now)

    def blocks(self, caller: str | None) -> bool:
        """Return whether a caller is blocked."""
        number = (caller or "unknown").removeprefix("+")
        if re.fullmatch(_WITHHELD, number):
            return "withheld" in self.blocked
        return any(
            number.startswith(one[:-1]) if one.endswith("*") else number == one
            for one in self.blocked
        )

    def numbers(self, key: str = "") -> tuple[NumberToRing, ...]:
        """Return the numbers to ring in order: those of a menu's key, or of the line."""
        return self.menu.get(key, MenuEntry()).ring if key else self.ring

    def say(self, text: str, **options: Any) -> dict[str, Any]:
        """Return a talk action in the line's language and voice."""
        return ncco.talk(text, **self.voice, **options)

    def talk(self, name: str, **options: Any) -> dict[str, Any]:
        """Return a talk action with one of the line's texts.

        Without a text of its own, an English one is spoken, on a line that is not English by
        Vonage's default voice.
        """
        if name in self.texts or _is_english(self.language):
            return self.say(self.texts.get(name) or TEXTS[name], **options)
        return ncco.talk(TEXTS[name], **options)


def read_line(
    number: str | None,
    document: Mapping[str, Any] | None,
    settings: StackSettings,
    *,
    dials: bool = True,
) -> tuple[Line, Problems]:
    """Return the line of a number, and the problems of its part of the switchboard.

    Parameters
    ----------
    number
        The number of the line.
    document
        The part; None if the number has none. What is missing or invalid in it is replaced by the
        default: the line greets, rings the second number for 20 seconds, and takes a message.
    settings
        The settings of the stack. A number that its dial policy denies is skipped.
    dials
        Whether outbound dialing is on; while it is off, the line has no numbers to ring.
    """
    parser = _LineParser(number, settings, dials)
    return parser.parse(document or {}), parser.problems


def line_problems(
    number: str, document: Mapping[str, Any], settings: StackSettings
) -> list[tuple[str, str]]:
    """Return all problems of a part of the switchboard that is to be stored.

    Beyond those of `read_line`, these are texts that callers would miss, and numbers that the dial
    policy denies.
    """
    parser = _LineParser(number, settings)
    parser.check_texts(parser.parse(document))
    return parser.problems + parser.denied


class _LineParser(DocumentParser):
    """Parses the part of one number."""

    def __init__(self, number: str | None, settings: StackSettings, dials: bool = True) -> None:
        super().__init__()
        self.denied: Problems = []
        self._number = number
        self._where = f"lines.{number}"
        self._settings = settings
        self._dials = dials
        self._policy: DialPolicy = policy_from(settings, "")

    def parse(self, document: Mapping[str, Any]) -> Line:
        parts = self.fields(self._where, document, _PARTS) or {}
        second = self._settings.second_number
        default = [{"number": second}] if second else []
        menu, prompt = self._menu(parts["menu"]) if "menu" in parts else ({}, {})
        voice = self._voice(parts)
        line = Line(
            self._number,
            voice["language"],
            voice,
            self._texts(parts) | prompt,
            self.opening(f"{self._where}.opening", parts["opening"])
            if "opening" in parts
            else None,
            menu,
            self._ring(f"{self._where}.ring", parts.get("ring", default)),
            self._choice("voicemail", parts.get("voicemail", "on"), {"on": True, "off": False}),
            self._choice("transcript", parts.get("transcript", False), {True: True, False: False}),
            self._blocked(parts.get("blocked", [])),
        )
        return line._replace(skipped=tuple(reason for _, reason in self.denied))

    def check_texts(self, line: Line) -> None:
        """Require every text that callers can hear, if the language is not English, and a voicemail
        for each key that leads to it.
        """
        for key, entry in line.menu.items():
            if entry.voicemail and not line.voicemail:
                self.wrong(f"{self._where}.menu.keys.{key}", "needs voicemail to be on")
        needed = ["greeting", "nobody", *(["closed"] if line.opening else [])]
        needed += ["message", "thanks"] if line.voicemail else []
        for name in needed:
            if name not in line.texts and not _is_english(line.language):
                self.wrong(
                    f"{self._where}.{name}",
                    f"missing; expected a text, since the language is {line.language}",
                )

    def _voice(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        voice = {"language": self._settings.language}
        for name in _VOICE:
            if name in parts and self._talk(f"{self._where}.{name}", {name: parts[name]}):
                voice[name] = parts[name]
        return voice

    def _texts(self, parts: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: parts[name]
            for name in TEXTS
            if name in parts and self._text(f"{self._where}.{name}", parts[name])
        }

    def _text(self, where: str, value: object) -> bool:
        """Check a text, which may be SSML."""
        if not isinstance(value, str) or not value.strip():
            self.wrong(where, "must be a string that is not empty")
            return False
        return self._talk(where, {"text": value})

    def _talk(self, where: str, options: dict[str, Any]) -> bool:
        """Check options of a talk action; None is invalid, since the builder leaves it out."""
        try:
            ncco.check([{"action": "talk", "text": "x", **options}])
        except ncco.NccoError as error:
            self.wrong(where, str(error).partition(": ")[2])
            return False
        return True

    def _choice(self, name: str, value: object, choices: Mapping[Any, bool]) -> bool:
        for choice, meaning in choices.items():
            if value == choice and type(value) is type(choice):
                return meaning
        allowed = "on or off" if "on" in choices else "true or false"
        self.wrong(f"{self._where}.{name}", f"must be {allowed}")
        return False

    def _ring(self, where: str, value: object) -> tuple[NumberToRing, ...]:
        if not isinstance(value, list) or len(value) > MOST_NUMBERS:
            self.wrong(where, f"must be an array of at most {MOST_NUMBERS} numbers to ring")
            return ()
        found = [self._number_to_ring(f"{where}[{n}]", one) for n, one in enumerate(value)]
        return tuple(one for one in found if one)

    def _number_to_ring(self, where: str, value: object) -> NumberToRing | None:
        fields = self.fields(where, value, ("number", "seconds"))
        if fields is None:
            return None
        number, seconds = fields.get("number"), fields.get("seconds", SECONDS_TO_RING)
        if type(seconds) is not int or seconds not in _SECONDS:
            self.wrong(f"{where}.seconds", "must be a whole number from 5 to 120")
            seconds = SECONDS_TO_RING
        if not isinstance(number, str) or not is_number(number):
            self.wrong(f"{where}.number", "not an E.164 number without the plus")
        elif number == self._number:
            self.wrong(f"{where}.number", "the number of this line; expected another one")
        elif self._may_ring(f"{where}.number", number):
            return NumberToRing(number, seconds)
        return None

    def _may_ring(self, where: str, number: str) -> bool:
        if not self._dials:
            return False
        try:
            check_endpoint({"type": "phone", "number": number}, self._policy)
        except DialRefused as error:
            self.denied.append((where, str(error)))
            return False
        return True

    def _menu(self, value: object) -> tuple[dict[str, MenuEntry], dict[str, str]]:
        where = f"{self._where}.menu"
        fields = self.fields(where, value, ("prompt", "keys"))
        if fields is None:
            return {}, {}
        keys = fields.get("keys")
        if not isinstance(keys, dict) or not keys:
            self.wrong(f"{where}.keys", "must be an object with an entry for each digit")
            keys = {}
        entries = {key: self._entry(f"{where}.keys.{key}", key, one) for key, one in keys.items()}
        if not self._text(f"{where}.prompt", fields.get("prompt")):
            return {}, {}
        menu = {key: entry for key, entry in entries.items() if entry is not None}
        return menu, {"menu": fields["prompt"]}

    def _entry(self, where: str, key: str, value: object) -> MenuEntry | None:
        if len(key) != 1 or key not in _KEYS:
            self.wrong(where, f"not a digit of a menu; expected one of {' '.join(_KEYS)}")
        fields = self.fields(where, value, ("say", "ring", "voicemail"))
        if fields is None:
            return None
        if len(fields) != 1:
            self.wrong(where, "must have exactly one of say, ring, voicemail")
            return None
        if "say" in fields:
            return MenuEntry(fields["say"]) if self._text(f"{where}.say", fields["say"]) else None
        if "ring" in fields:
            return MenuEntry(ring=self._ring(f"{where}.ring", fields["ring"]))
        if fields["voicemail"] is not True:
            self.wrong(f"{where}.voicemail", "must be true")
        return MenuEntry(voicemail=True)

    def _blocked(self, value: object) -> tuple[str, ...]:
        where = f"{self._where}.blocked"
        if not isinstance(value, list):
            self.wrong(where, "must be an array of numbers, prefixes such as 4490*, and withheld")
            return ()
        found = []
        for n, one in enumerate(value):
            prefix = isinstance(one, str) and re.fullmatch(r"[1-9][0-9]{0,14}\*", one)
            if prefix or is_number(one) or one == "withheld":
                found.append(one)
            else:
                self.wrong(f"{where}[{n}]", "must be a number, a prefix such as 4490*, or withheld")
        return tuple(found)


def _is_english(language: str) -> bool:
    return language.partition("-")[0].lower() == "en"
