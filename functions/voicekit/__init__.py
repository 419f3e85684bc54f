"""Building blocks of all functions: NCCOs, calls, webhooks, signatures, AWS, secrets, settings."""
