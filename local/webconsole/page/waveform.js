// Draws the waveform of an audio file on a canvas, with a text description.
// @ts-check

import { fill, h } from "./dom.js";
import { joined, plural, seconds } from "./format.js";

const HEIGHT = 56;
const COLUMNS = 600;
// Peaks above this share of full scale count as sound in the description.
const AUDIBLE = 0.02;
// Sounds separated by less than this, in seconds, count as one.
const MIN_PAUSE = 0.6;
const MAX_PARTS = 8;

/**
 * A figure with the waveform of an audio file on this server.
 *
 * @param {string} source
 */
export function waveform(source) {
  const figure = h(
    "figure",
    { class: "waveform" },
    h("p", { class: "muted" }, "Loading the audio…"),
  );
  read(source).then(
    (audio) => show(figure, audio),
    () =>
      fill(
        figure,
        h("p", { class: "muted" }, "The waveform cannot be drawn. You can still play the audio."),
      ),
  );
  return figure;
}

async function read(source) {
  const response = await fetch(source, { cache: "no-store" });
  if (!response.ok) throw new Error(`the audio request returned ${response.status}`);
  const decoder = new OfflineAudioContext(1, 1, 44100);
  return decoder.decodeAudioData(await response.arrayBuffer());
}

function show(figure, audio) {
  const channels = [...Array(audio.numberOfChannels).keys()].map((number) =>
    peaksOf(audio.getChannelData(number)),
  );
  const description = describe(channels, audio.duration);
  const canvas = h("canvas", { role: "img", "aria-label": `Waveform. ${description}` });
  const redraw = () => draw(canvas, channels);
  fill(figure, canvas, h("figcaption", { class: "small muted" }, description));
  new ResizeObserver(redraw).observe(canvas);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const follow = () =>
    canvas.isConnected ? redraw() : scheme.removeEventListener("change", follow);
  scheme.addEventListener("change", follow);
}

/** Returns the peak of each column, 0 to 1. */
function peaksOf(samples) {
  const peaks = new Float32Array(Math.min(COLUMNS, Math.max(1, samples.length)));
  for (let at = 0; at < samples.length; at += 1) {
    const column = Math.floor((at * peaks.length) / samples.length);
    peaks[column] = Math.max(peaks[column], Math.abs(samples[at]));
  }
  return peaks;
}

function describe(channels, length) {
  const about = `${seconds(length)}, ${plural(channels.length, "channel")}.`;
  const perChannel = channels.map(
    (peaks, number) =>
      `${channels.length > 1 ? `Channel ${number + 1}: ` : ""}${soundsIn(peaks, length)}.`,
  );
  return [about, ...perChannel].join(" ");
}

function soundsIn(peaks, length) {
  const parts = [];
  const step = length / peaks.length;
  peaks.forEach((peak, column) => {
    if (peak < AUDIBLE) return;
    const last = parts.at(-1);
    if (last && column * step - last.end < MIN_PAUSE) last.end = (column + 1) * step;
    else parts.push({ begin: column * step, end: (column + 1) * step });
  });
  if (!parts.length) return "Silence";
  const listed = parts
    .slice(0, MAX_PARTS)
    .map(({ begin, end }) => `${begin.toFixed(1)} to ${end.toFixed(1)} s`);
  const rest = parts.length - listed.length;
  return `Sound from ${joined(rest ? [...listed, `${rest} more`] : listed)}`;
}

function draw(canvas, channels) {
  const { clientWidth: width } = canvas;
  const scale = window.devicePixelRatio || 1;
  const pen = canvas.getContext("2d");
  if (!pen || !width) return;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(HEIGHT * channels.length * scale);
  canvas.style.setProperty("height", `${HEIGHT * channels.length}px`);
  pen.scale(scale, scale);
  pen.fillStyle = getComputedStyle(canvas).color;
  channels.forEach((peaks, number) => drawChannel(pen, peaks, width, (number + 0.5) * HEIGHT));
}

function drawChannel(pen, peaks, width, middle) {
  const step = width / peaks.length;
  peaks.forEach((peak, column) => {
    const height = Math.max(1, peak * (HEIGHT - 6));
    pen.fillRect(column * step, middle - height / 2, Math.max(0.5, step * 0.8), height);
  });
}
