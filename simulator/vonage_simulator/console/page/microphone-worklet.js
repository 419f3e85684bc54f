// Runs on the audio thread: converts the microphone's audio to 16-bit PCM at 16 kHz.
// @ts-check

const RATE = 16000;
const CHUNK = 1600; // samples: 100 ms

/** Each output sample is the mean of the input samples in its time. */
class Resampler extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    this.sum = 0;
    this.weight = 0;
    this.chunk = new Int16Array(CHUNK);
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    for (const sample of channels?.[0] ?? []) this.addInput(sample);
    return true;
  }

  /** @param {number} sample */
  addInput(sample) {
    let left = 1;
    while (this.weight + left >= this.step) {
      const share = this.step - this.weight;
      this.addOutput((this.sum + sample * share) / this.step);
      left -= share;
      this.sum = 0;
      this.weight = 0;
    }
    this.sum += sample * left;
    this.weight += left;
  }

  /** @param {number} sample */
  addOutput(sample) {
    this.chunk[this.filled] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
    this.filled += 1;
    if (this.filled < CHUNK) return;
    this.port.postMessage(this.chunk.buffer, [this.chunk.buffer]);
    this.chunk = new Int16Array(CHUNK);
    this.filled = 0;
  }
}

registerProcessor("resampler", Resampler);
