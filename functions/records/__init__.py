"""What happened: what an event is, how it is kept, and what all of them together say."""
