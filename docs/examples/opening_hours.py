"""Announce the opening hours of a shop."""

from voicekit import ncco


def answer(call):
    return [ncco.talk("We are open from nine to five. Please call again.")]
