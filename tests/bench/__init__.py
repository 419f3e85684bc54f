"""How fast it is, beside what it could be compared with. No test: nothing here passes or fails."""
