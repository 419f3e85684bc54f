"""The owner's API: calls are placed and steered, and what happened is read back."""
