"""What every entry point shares: the vocabulary of a call, and the few things a call needs."""
