"""An example of a voice agent that Vonage connects to a call over a WebSocket."""
