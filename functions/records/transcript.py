"""Read the text of a transcript that Vonage wrote."""

from __future__ import annotations

import json
from typing import Any


def transcript_text(content: bytes) -> str:
    """Return the sentences of a transcript as one text, empty if it has none.

    Parameters
    ----------
    content
        The stored file (Vonage Webhook reference: transcription). A channel is one speaker; its
        sentences are in order of time, and the channels follow each other.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    sentences = (
        _value(sentence, "sentence")
        for channel in _array(_value(document, "channels"))
        for sentence in _array(_value(channel, "transcript"))
    )
    texts = (" ".join(one.split()) for one in sentences if isinstance(one, str))
    return " ".join(filter(None, texts))


def _value(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None


def _array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
