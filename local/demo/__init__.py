"""The demo: every page of Vonage's Voice code snippets, run as simulated calls."""
