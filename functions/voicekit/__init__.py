"""What every function is built with: NCCOs, calls, signed webhooks, AWS, secrets, settings."""
