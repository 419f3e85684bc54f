"""Remind a customer of an appointment."""

from voicekit import ncco


def answer(call):
    return [ncco.talk("Hello. You have an appointment tomorrow at ten.")]
