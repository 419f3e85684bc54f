"""Sample requests: sign one, and print it as a `curl` command or as a Lambda event."""
