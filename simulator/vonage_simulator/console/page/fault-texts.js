// The simulator's faults in plain words, by kind: title, what happens, and the unit of a value.
// Does not use the document.

export const COMMON = [
  "unsigned",
  "duplicate_delivery",
  "delay_webhook",
  "webhook_drop_after_body",
  "record_late",
  "api_429",
];

/** @type {[string, [string, string, string, string?][]][]} */
export const GROUPS = [
  [
    "Webhook delivery",
    [
      ["duplicate_delivery", "Sent twice", "The same webhook arrives a second time."],
      ["delay_webhook", "Sent late", "A webhook leaves some seconds late.", "seconds"],
      ["slow_webhook", "Body comes slowly", "The body of a POST stops midway.", "seconds"],
      ["swap_started_ringing", "Out of order", "“ringing” arrives before “started”."],
      [
        "webhook_drop_before_body",
        "Cut before the body",
        "The connection closes before the body is sent.",
      ],
      [
        "webhook_drop_after_body",
        "Cut before your response",
        "The connection closes before your response is read.",
      ],
    ],
  ],
  [
    "Signatures",
    [
      ["unsigned", "Not signed", "A webhook carries no signature."],
      ["wrong_secret", "Signed with another secret", "Your application must refuse it."],
      ["wrong_payload_hash", "Signature of another body", "Your application must refuse it."],
      ["stale_iat", "Signed too long ago", "The signature is older than allowed.", "seconds"],
      [
        "future_iat",
        "Signed in the future",
        "The signature is from a clock that is ahead.",
        "seconds",
      ],
    ],
  ],
  [
    "What events contain",
    [
      ["null_from", "No caller", "“from” is null."],
      ["unknown_from", "Unknown caller", "“from” is the word Unknown."],
      ["spaced_from", "Space before the caller", "“from” begins with a space."],
      ["no_headers", "No headers", "The headers object is missing."],
      ["dashed_inbound_uuid", "Leg ID with dashes", "An inbound leg’s uuid has dashes."],
      ["late_end_time", "End time is late", "“completed” ends one second after its own timestamp."],
    ],
  ],
  [
    "Digits and speech",
    [
      ["speech_error", "Speech is not understood", "Speech recognition fails."],
      [
        "dtmf_speech_error",
        "Digits come with a speech error",
        "A DTMF-only input reports a speech error.",
      ],
      [
        "dtmf_speech_absent",
        "Digits come without speech",
        "A DTMF-only input has no speech field.",
      ],
    ],
  ],
  [
    "Recordings",
    [
      ["record_late", "Recording comes late", "The webhook about it comes later.", "seconds"],
      ["record_empty", "Recording is empty", "Size 0 and no address."],
      ["record_truncated", "Download stops halfway", "Your application must fetch it again."],
      [
        "record_wrong_size",
        "Size is wrong",
        "The webhook names a size that is too large.",
        "bytes",
      ],
    ],
  ],
  [
    "WebSockets",
    [
      ["ws_refuse", "Connection is refused", "The handshake gets this status.", "status"],
      ["ws_slow", "Slow to connect", "The handshake takes some seconds longer.", "seconds"],
      ["ws_close", "Connection is lost", "It breaks some seconds after it began.", "seconds"],
      ["ws_loss", "Frames are lost", "Some of the caller’s audio is silence.", "of the frames"],
      ["ws_jitter", "Frames come in bursts", "Messages wait, then pass together.", "milliseconds"],
      ["ws_stall", "Connection stalls", "Nothing passes for some seconds, then all.", "seconds"],
    ],
  ],
  [
    "Vonage’s API",
    [
      ["api_429", "Too many requests", "The API answers 429."],
      ["api_5xx", "Server error", "The API answers with this status.", "status"],
      ["api_slow", "Slow response", "The API waits before it answers.", "seconds"],
      ["not_ready", "Call is not ready yet", "The API refuses a change with 400."],
      ["wrong_region", "Call is in another region", "The API answers 404."],
      [
        "api_drop_before",
        "Cut before it is done",
        "The API closes the connection and does nothing.",
      ],
      [
        "api_drop_after",
        "Done, then cut",
        "The API does what was asked, and closes the connection.",
      ],
    ],
  ],
];

/** A fault's name, title, sentence, and unit. @param {string} name @returns {any[]} */
export const faultOf = (name) =>
  GROUPS.flatMap(([, list]) => list).find(([one]) => one === name) ?? [name, name, ""];

/** The names of the faults that changed what a journal entry reports. @returns {string[]} */
export const faultsOf = ({ faults, webhook }) => faults ?? webhook?.faults ?? [];
