// Runs beside the page, on the audio thread: turns what the microphone gives into 16-bit PCM at 16
// kHz.
// @ts-check

const RATE = 16000;
const PIECE = 1600; // samples of a message: 100 ms

/** Each sample that goes out is the mean of those that came in during its time. */
class Resampler extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    this.sum = 0;
    this.weight = 0;
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    for (const sample of channels?.[0] ?? []) this.take(sample);
    return true;
  }

  /** @param {number} sample */
  take(sample) {
    let left = 1;
    while (this.weight + left >= this.step) {
      const share = this.step - this.weight;
      this.give((this.sum + sample * share) / this.step);
      left -= share;
      this.sum = 0;
      this.weight = 0;
    }
    this.sum += sample * left;
    this.weight += left;
  }

  /** @param {number} sample */
  give(sample) {
    this.piece[this.filled] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
    this.filled += 1;
    if (this.filled < PIECE) return;
    this.port.postMessage(this.piece.buffer, [this.piece.buffer]);
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
  }
}

registerProcessor("resampler", Resampler);
