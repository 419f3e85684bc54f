"""The flows that this repository ships. Users add their own, so tests of flows name these."""

SHIPPED = (
    "agent",
    "conference",
    "connect",
    "dtmf_menu",
    "greet",
    "reception",
    "record_call",
    "record_conversation",
    "record_split",
    "speech",
    "track_progress",
    "voicemail",
)
