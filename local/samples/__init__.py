"""Sample webhooks: sign one, print it as a `curl` command or as a Lambda event."""
