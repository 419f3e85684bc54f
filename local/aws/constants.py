"""The account id and the stack name of the emulated AWS."""

ACCOUNT = "123456789012"  # moto's
STACK = "voice-local"
