"""Names that AWS would give: there is one account here, and one stack."""

ACCOUNT = "123456789012"  # moto's
STACK = "voice-local"
