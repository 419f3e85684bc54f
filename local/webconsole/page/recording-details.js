// The details of a stored recording and its transcript.
// @ts-check

import { fill, h } from "./dom.js";
import { facts, foldable, loadInto, errorNote, verbatim } from "./widgets.js";
import { waveform } from "./waveform.js";
import { bytes, plural, seconds } from "./format.js";

// A recording is stored a few seconds after it ends, so poll for it.
const INTERVAL = 1000; // milliseconds
const MAX_POLLS = 120;
const NOT_STORED = "The recording has not been stored. Select the row again to check once more.";

/**
 * The section of one recording. It polls for the recording while it is shown.
 *
 * @param {typeof import("./api.js")} api
 * @param {string} uuid The recording_uuid.
 */
export function recordingPart(api, uuid) {
  const path = `/api/recordings/${encodeURIComponent(uuid)}`;
  const audio = h(
    "div",
    {},
    h("p", { class: "muted", role: "status" }, "Waiting for the recording to be stored…"),
  );
  const text = h("div", {});
  const element = foldable("Recording", true, facts([["Recording", uuid]]), audio, text);
  poll(element, async () => {
    const { archive, transcript } = await api.get(path);
    if (archive && !audio.dataset.loaded) {
      audio.dataset.loaded = "yes";
      fill(audio, playerOf(archive, `${path}/audio`));
    }
    if (transcript && !text.dataset.loaded) {
      text.dataset.loaded = "yes";
      loadInto(text, async () => transcriptOf(await api.get(`${path}/transcript`)));
    }
    return Boolean(archive && transcript);
  })
    .then(() => audio.dataset.loaded ?? fill(audio, h("p", { class: "muted" }, NOT_STORED)))
    .catch((error) => fill(audio, errorNote(error)));
  return element;
}

/** Polls until `load` returns true, or until the element is no longer shown. */
async function poll(element, load) {
  for (let polls = 0; polls < MAX_POLLS; polls += 1) {
    if (await load()) return;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    if (!element.isConnected) return;
  }
}

function playerOf(archive, source) {
  const { seconds: length, channels, size, content_type: type, sha256, key } = archive;
  return h(
    "div",
    { class: "recording" },
    waveform(source),
    h("audio", { controls: true, preload: "metadata", src: source, "aria-label": "Recording" }),
    facts([
      ["Length", length === undefined ? null : seconds(length)],
      ["Channels", channels],
      ["Size", size === undefined ? null : bytes(size)],
      ["Type", type],
      ["S3 object", key],
      ["SHA-256", sha256],
    ]),
    foldable("DynamoDB item", false, verbatim(JSON.stringify(archive, null, 2))),
  );
}

function transcriptOf(transcript) {
  const channels = Array.isArray(transcript?.channels) ? transcript.channels : [];
  const sentences = channels
    .flatMap(({ transcript: list }, channel) => (list ?? []).map((one) => ({ ...one, channel })))
    .sort((one, other) => one.timestamp - other.timestamp);
  if (!sentences.length) {
    return h(
      "div",
      {},
      h("h4", {}, "Transcript"),
      h("p", { class: "muted" }, "The transcript is empty."),
    );
  }
  const line = ({ timestamp, sentence, channel }) =>
    h(
      "li",
      {},
      h("span", { class: "muted numbers" }, `${seconds(timestamp / 1000)} `),
      channels.length > 1 ? `channel ${channel + 1}: ` : null,
      sentence,
    );
  return h(
    "div",
    {},
    h("h4", {}, "Transcript"),
    h("p", { class: "small muted" }, plural(sentences.length, "sentence")),
    h("ol", { class: "transcript" }, sentences.map(line)),
  );
}
