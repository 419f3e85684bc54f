"""`python -m local.sign`: print a `curl` command that sends a signed sample request."""

from local.samples.curl import main

main()
