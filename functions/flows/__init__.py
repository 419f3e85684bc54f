"""The call flows. Every module in this package is a flow, named after its file.

The functions of a flow are named after the webhooks. Each returns a list of actions, built with
`voicekit.ncco`. An empty list lets the current NCCO continue.

- `answer(call)`: there is a call to your number, or a callee has answered
- `dtmf(call, input)`, `asr(call, input)`: the caller has pressed digits, or has spoken
- `notification(call, payload)`: the NCCO has reached a notify action
- `event(call, event)`: Vonage reports the status of a leg; may return None
"""
