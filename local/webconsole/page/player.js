// A recording: its waveform, a player and its transcript.

import { Facts, html, Id, IconButton, Verdict } from "./parts.js";
import { useEffect, useRef, useState } from "./preact.js";
import { bytes, plural, seconds } from "./format.js";

const BARS = 120;
const POLL = 1000; // milliseconds; a recording is stored some seconds after it ends
const MAX_POLLS = 120;

const clock = (t) => `${Math.floor(t / 60)}:${String(Math.floor(t % 60)).padStart(2, "0")}`;

/** A recording, as soon as it is stored. @param {{uuid: string, api: any, isRunning?: boolean}} props */
export function Recording({ uuid, api, isRunning = false }) {
  const path = `/api/recordings/${encodeURIComponent(uuid)}`;
  const [stored, setStored] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isCurrent = true;
    const poll = async () => {
      for (let polls = 0; isCurrent && polls < MAX_POLLS; polls += 1) {
        const found = await api.get(path);
        if (!isCurrent) return;
        setStored(found);
        if (found.archive && (found.transcript || polls > 10)) return;
        await new Promise((resolve) => setTimeout(resolve, POLL));
      }
    };
    poll().catch((error) => setProblem(error.message));
    return () => {
      isCurrent = false;
    };
  }, [uuid]);
  if (problem) return html`<${Verdict} tone="bad">${problem}<//>`;
  if (!stored?.archive) {
    const text = isRunning
      ? "Still recording. The file is here some seconds after the call has ended."
      : "Not here yet. The recording is being stored.";
    return html`<p class="verdict" role="status"><span class="live-dot" /><span>${text}</span></p>`;
  }
  return html`<${StoredRecording}
    path=${path}
    uuid=${uuid}
    archive=${stored.archive}
    hasTranscript=${Boolean(stored.transcript)}
    api=${api}
  />`;
}

function StoredRecording({ path, uuid, archive, hasTranscript, api }) {
  const audio = useRef(null);
  const [at, setAt] = useState(0);
  const [isPlaying, setPlaying] = useState(false);
  const [peaks, setPeaks] = useState([]);
  const length = archive.seconds ?? 0;
  const source = `${path}/audio`;
  useEffect(() => {
    readPeaks(source).then(setPeaks, () => {});
  }, [source]);
  const seek = (t) => {
    audio.current.currentTime = t;
    setAt(t);
  };
  const toggle = () => (isPlaying ? audio.current.pause() : audio.current.play());
  return html` <div class="player">
      <${IconButton}
        name=${isPlaying ? "pause" : "play"}
        label=${isPlaying ? "Pause" : "Play"}
        look="round main"
        click=${toggle}
      />
      <div class="wave-box">
        ${peaks.map((channel, index) => html`<${Wave} key=${index} peaks=${channel} done=${length ? at / length : 0} />`)}
        <span
          class="play-head"
          aria-hidden="true"
          style=${{ left: `${length ? (at / length) * 100 : 0}%` }}
        />
        <input
          type="range"
          class="seek"
          min="0"
          max=${length}
          step="0.1"
          value=${at}
          aria-label="Position in the recording"
          aria-valuetext="${clock(at)} of ${clock(length)}"
          onInput=${(event) => seek(event.target.valueAsNumber)}
        />
      </div>
      <span class="numbers small">${clock(at)} / ${clock(length)}</span>
      <audio
        ref=${audio}
        src=${source}
        preload="metadata"
        onTimeUpdate=${() => setAt(audio.current.currentTime)}
        onPlay=${() => setPlaying(true)}
        onPause=${() => setPlaying(false)}
      />
    </div>
    <h3 class="part-title">Transcript</h3>
    ${
      hasTranscript
        ? html`<${Transcript} path="${path}/transcript" api=${api} at=${at} seek=${seek} />`
        : html`<p class="muted small">This recording has no transcript.</p>`
    }
    <h3 class="part-title">File</h3>
    <${Facts}
      pairs=${[
        [
          "Length",
          length ? `${seconds(length)}, ${plural(archive.channels ?? 1, "channel")}` : null,
        ],
        ["Size", `${bytes(archive.size)}, ${archive.content_type}`],
        ["Recording", html`<${Id} text=${uuid} what="Recording ID" />`],
        ["Object in S3", html`<${Id} text=${archive.key} what="Object key" tail=${12} />`],
        ["SHA-256", html`<${Id} text=${archive.sha256} what="SHA-256" tail=${8} />`],
      ]}
    />
    <div class="tools">
      <a
        class="button small"
        href=${source}
        download="${uuid}.${archive.content_type === "audio/mpeg" ? "mp3" : "wav"}"
        >Download</a
      >
    </div>`;
}

/** @param {{peaks: number[], done: number}} props */
const Wave = ({ peaks, done }) => html`
  <svg class="wave" viewBox="0 0 ${BARS * 10} 60" preserveAspectRatio="none" aria-hidden="true">
    ${peaks.map(
      (height, index) =>
        html`<rect
          key=${index}
          x=${index * 10 + 2}
          width="6"
          rx="2"
          y=${30 - height * 28}
          height=${Math.max(1.5, height * 56)}
          class=${index / BARS <= done && done > 0 ? "done" : ""}
        />`,
    )}
  </svg>
`;

/** The loudest sample of each bar, 0 to 1, by channel. @param {string} source @returns {Promise<number[][]>} */
async function readPeaks(source) {
  const response = await fetch(source, { cache: "no-store" });
  if (!response.ok) throw new Error(`the audio request returned ${response.status}`);
  const audio = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(
    await response.arrayBuffer(),
  );
  return [...Array(audio.numberOfChannels).keys()].map((channel) => {
    const samples = audio.getChannelData(channel);
    const peaks = Array(BARS).fill(0);
    for (let at = 0; at < samples.length; at += 1) {
      const bar = Math.floor((at * BARS) / samples.length);
      peaks[bar] = Math.max(peaks[bar], Math.abs(samples[at]));
    }
    return peaks;
  });
}

function Transcript({ path, api, at, seek }) {
  const [words, setWords] = useState(null);
  useEffect(() => {
    api.get(path).then(
      (transcript) => setWords(sentencesOf(transcript)),
      () => setWords([]),
    );
  }, [path]);
  if (words === null) return html`<p class="muted small">Loading…</p>`;
  if (words.length === 0) return html`<p class="muted small">No words were recognized.</p>`;
  return html`<ol class="transcript-words" aria-label="Transcript">
    ${words.map(({ from, text }, index) => {
      const isNow = at > 0 && from <= at && (words[index + 1]?.from ?? Infinity) > at;
      return html`<li key=${index}>
        <button type="button" class="spoken ${isNow ? "now" : ""}" onClick=${() => seek(from)}>
          <span class="numbers muted">${clock(from)}</span><span>${text}</span>
        </button>
      </li>`;
    })}
  </ol>`;
}

/** Sentences of all channels in the order of time. @param {any} transcript */
export function sentencesOf(transcript) {
  const channels = Array.isArray(transcript?.channels) ? transcript.channels : [];
  return channels
    .flatMap(({ transcript: list }) => list ?? [])
    .map(({ timestamp, sentence }) => ({ from: timestamp / 1000, text: sentence }))
    .sort((one, other) => one.from - other.from);
}
