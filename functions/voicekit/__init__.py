"""What every function that faces Vonage stands on."""
