"""The call flows: one module each. Add a module here, and it is a flow; its name is the file's.

A flow's functions are named after the webhooks, and each returns a list of actions made with
`voicekit.ncco`; an empty list lets the running NCCO go on:

- `answer(call)`: somebody rang, or a called number answered
- `dtmf(call, input)`, `asr(call, input)`: the caller pressed keys, or spoke
- `notification(call, payload)`: a notify action was reached
- `event(call, event)`: Vonage reports something of a leg; may return None
"""
