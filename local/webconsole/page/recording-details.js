// A recording and its transcript: the part of the details that shows what is kept of it.
// @ts-check

import { fill, h } from "./dom.js";
import { facts, folding, loadInto, problem, verbatim } from "./widgets.js";
import { waveform } from "./waveform.js";
import { bytes, plural, seconds } from "./format.js";

// A recording is fetched some seconds after it ended; until then it is asked for again.
const PAUSE = 1000;
const ASKED = 120;

/**
 * The part for one recording. It waits for the recording while it is shown.
 *
 * @param {typeof import("./api.js")} api
 * @param {string} uuid The recording_uuid.
 */
export function recordingPart(api, uuid) {
  const path = `/api/recordings/${encodeURIComponent(uuid)}`;
  const audio = h(
    "div",
    {},
    h("p", { class: "muted", role: "status" }, "Waiting for the recording to be kept…"),
  );
  const words = h("div", {});
  const element = folding("Recording", true, facts([["Recording", uuid]]), audio, words);
  follow(element, async () => {
    const { archive, transcript } = await api.get(path);
    if (archive && !audio.dataset.kept) {
      audio.dataset.kept = "yes";
      fill(audio, playerOf(archive, `${path}/audio`));
    }
    if (transcript && !words.dataset.kept) {
      words.dataset.kept = "yes";
      loadInto(words, async () => transcriptOf(await api.get(`${path}/transcript`)));
    }
    return Boolean(archive && transcript);
  })
    .then(() => audio.dataset.kept ?? fill(audio, h("p", { class: "muted" }, "It was not kept.")))
    .catch((error) => fill(audio, problem(error)));
  return element;
}

/** Asks until everything is there, or until the part is not shown any more. */
async function follow(element, ask) {
  for (let asked = 0; asked < ASKED; asked += 1) {
    if (await ask()) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
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
      ["Object in S3", key],
      ["SHA-256", sha256],
    ]),
    folding("Archive item", false, verbatim(JSON.stringify(archive, null, 2))),
  );
}

function transcriptOf(transcript) {
  const channels = Array.isArray(transcript?.channels) ? transcript.channels : [];
  const sentences = channels
    .flatMap(({ transcript: said }, channel) => (said ?? []).map((one) => ({ ...one, channel })))
    .sort((one, other) => one.timestamp - other.timestamp);
  if (!sentences.length) {
    return h(
      "div",
      {},
      h("h4", {}, "Transcript"),
      h("p", { class: "muted" }, "Nobody said anything."),
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
