"""Write the WAV files of this folder with espeak-ng: ``python examples/bot/sounds/generate.py``.

The files are in the repository, so you need this only for other sentences. espeak-ng is in the
package managers of Linux distributions and in Homebrew.
"""

import io
import math
import subprocess
import wave
from array import array
from pathlib import Path

SENTENCES = {
    "greeting": "Hello. Speak, or press 0 for a person.",
    "reply": "I heard you. Go on.",
    "1": "We open at nine.",
    "2": "We are on Main Street.",
}
RATE = 16_000
LOUDEST = 20_000  # of 32,767
QUIET = 200
TAPS = 16  # samples of the input on each side of one of the output


def main() -> None:
    """Write one file for each sentence."""
    for name, text in SENTENCES.items():
        command = ["espeak-ng", "-v", "en-us", "-s", "175", "--stdout", text]
        spoken = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603
        with wave.open(io.BytesIO(spoken)) as file:
            rate, data = file.getframerate(), file.readframes(10 * file.getframerate())
        samples = without_silence(normalized(resampled(array("h", data), rate)))
        with wave.open(str(Path(__file__).with_name(f"{name}.wav")), "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(samples.tobytes())


def resampled(samples: array[int], rate: int) -> list[float]:
    """Return 16 kHz audio: a windowed sinc, whose cutoff is half of the lower rate."""
    cutoff = min(1.0, RATE / rate)
    result = []
    for n in range(len(samples) * RATE // rate):
        at = n * rate / RATE
        near = range(max(0, math.ceil(at - TAPS)), min(len(samples), math.floor(at + TAPS) + 1))
        result.append(sum(samples[i] * _weight(i - at, cutoff) for i in near))
    return result


def _weight(distance: float, cutoff: float) -> float:
    angle = math.pi * distance * cutoff
    window = 0.5 + 0.5 * math.cos(math.pi * distance / TAPS)
    return cutoff * window * (math.sin(angle) / angle if angle else 1.0)


def normalized(samples: list[float]) -> array[int]:
    """Return the samples as 16-bit numbers, all equally loud."""
    factor = LOUDEST / max(map(abs, samples))
    return array("h", (round(one * factor) for one in samples))


def without_silence(samples: array[int]) -> array[int]:
    """Return the samples without quiet ones at either end."""
    loud = [n for n, one in enumerate(samples) if abs(one) > QUIET]
    return samples[loud[0] : loud[-1] + 1]


if __name__ == "__main__":
    main()
