"""The admin API: place and control calls, and read back what happened."""
