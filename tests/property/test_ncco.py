"""voicekit.ncco for any value: `check` raises only NccoError, and the result of a builder or of
`check` is valid JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicekit import ncco

URL = "https://example.com/hook"
ACTIONS = "talk", "stream", "input", "record", "conversation", "connect", "notify", "wait"
OPTIONS = (
    "text level loop language bargeIn streamUrl type mode dtmf speech timeOut maxDigits uuid "
    "context format split channels endOnKey name canSpeak mute record transcription endpoint from "
    "number uri user domain headers authorization eventUrl eventMethod payload timeout limit "
    "ringbackTone advancedMachineDetection conversationId"
)

# Any characters, including lone surrogates.
any_text = st.text(st.characters())
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | any_text
    | st.binary()
    | st.sampled_from([URL, "447700900000", "dtmf", "speech", "phone", "sip:a@example.com"])
    | st.sampled_from(["<speak>a</speak>", "<speak", "</speak>", "&", 10**400])
)
names = st.sampled_from(OPTIONS.split()) | any_text | st.integers()
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=12,
)
actions = st.builds(
    lambda kind, options: {"action": kind, **options},
    st.sampled_from([*ACTIONS, "transfer", "pay"]),
    st.dictionaries(st.sampled_from(OPTIONS.split()), anything, max_size=4),
)


def is_valid(value: object) -> bool:
    try:
        ncco.check(value)
    except ncco.NccoError:
        return False
    return True


@given(anything | st.lists(anything | actions, max_size=4))
def test_check_raises_only_ncco_error_and_accepts_only_json(value: object) -> None:
    if is_valid(value):
        written = json.dumps(value, allow_nan=False)
        assert json.loads(written) == value
        assert written.encode()


free_json = st.dictionaries(
    any_text, st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
)
loose_text = any_text | st.sampled_from(["room", "<speak>a</speak>", "a & b", "447700900000"])
loose_number: st.SearchStrategy[Any] = st.integers(-5, 130) | st.floats() | st.booleans()
urls = st.sampled_from([URL, "http://[::1]:80/?a=b#c"]) | any_text


def some(**options: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=options)


built = (
    st.tuples(
        st.just(ncco.talk),
        st.tuples(loose_text),
        some(loop=loose_number, level=loose_number, provider_options=free_json),
    )
    | st.tuples(st.just(ncco.stream), st.tuples(urls), some(level=loose_number))
    | st.tuples(
        st.just(ncco.input),
        st.just(()),
        some(dtmf=some(timeOut=loose_number, maxDigits=loose_number), speech=st.just({})),
    )
    | st.tuples(
        st.just(ncco.record),
        st.just(()),
        some(
            end_on_silence=loose_number,
            channels=loose_number,
            split=st.just("conversation"),
            event_url=urls,
        ),
    )
    | st.tuples(
        st.just(ncco.conversation),
        st.tuples(loose_text),
        some(mute=st.booleans(), can_speak=st.lists(loose_text, max_size=2), record=st.booleans()),
    )
    | st.tuples(st.just(ncco.notify), st.tuples(free_json), st.just({"event_url": URL}))
    | st.tuples(st.just(ncco.wait), st.tuples(loose_number), st.just({}))
    | st.tuples(
        st.just(ncco.connect),
        st.tuples(st.builds(lambda user: {"type": "app", "user": user}, loose_text)),
        some(timeout=loose_number, from_=loose_text, random_from_number=st.booleans()),
    )
)


@given(built)
def test_check_accepts_what_a_builder_accepts(
    call: tuple[Any, tuple[Any, ...], dict[str, Any]],
) -> None:
    build, values, options = call
    try:
        action = build(*values, **options)
    except ncco.NccoError:
        return
    assert ncco.check([action]) == [action]


@given(st.text(st.characters(), max_size=200))
def test_escaped_text_is_valid_between_tags_and_in_an_attribute(text: str) -> None:
    safe = ncco.escape(text)
    assert ncco.talk(f'<speak>You said <sub alias="{safe}">{safe}</sub></speak>')


@given(any_text)
def test_spelling_only_adds_spaces(number: str) -> None:
    assert ncco.spell(number).replace(" ", "") == number.replace(" ", "")
