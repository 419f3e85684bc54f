"""The demonstration: every page of Vonage's Voice code snippets, played as real calls."""
