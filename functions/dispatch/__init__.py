"""What the webhook functions share: an event is kept, and its flow is asked what to do."""
