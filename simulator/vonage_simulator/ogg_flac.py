"""Write Ogg FLAC files, uncompressed: enough for a recording that any player opens.

The layout follows RFC 9639 (FLAC, with its mapping to Ogg in section 10.1) and RFC 3533 (Ogg).
"""

import struct
from array import array
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

SERIAL = 1
BEGIN_OF_STREAM = 2
END_OF_STREAM = 4
# FLAC frame codes: 16 kHz, 16 bits per sample, and a block size that follows in 16 bits.
RATE_CODE = 0b0101
BITS_CODE = 0b100
SIZE_CODE = 0b0111


def write(
    file: BinaryIO, blocks: Iterator[bytes], channels: int, rate: int, block: int, total: int
) -> None:
    """Write `total` interleaved 16-bit samples from blocks of `block`; the last may be shorter.

    A block must fit one Ogg page: 16,000 samples of two channels do.
    """
    _page(file, 0, 0, BEGIN_OF_STREAM, _stream_info(channels, rate, block, total))
    _page(file, 1, 0, 0, _comment())
    samples = 0
    following = next(blocks, None)
    for number in count():
        content, following = following, next(blocks, None)
        if content is None:
            return
        size = len(content) // (2 * channels)
        samples += size
        flags = END_OF_STREAM if following is None else 0
        _page(file, number + 2, samples, flags, _frame(content, number, channels, size))


def _stream_info(channels: int, rate: int, block: int, total: int) -> bytes:
    packed = rate << 44 | (channels - 1) << 41 | 15 << 36 | total
    info = struct.pack(">HH", block, block) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    header = b"\x7fFLAC\x01\x00" + struct.pack(">H", 1) + b"fLaC"
    return header + b"\x00" + len(info).to_bytes(3, "big") + info


def _comment() -> bytes:
    content = struct.pack("<I", 9) + b"simulated" + struct.pack("<I", 0)
    return b"\x84" + len(content).to_bytes(3, "big") + content


def _frame(content: bytes, number: int, channels: int, size: int) -> bytes:
    """Build a FLAC frame: each channel verbatim, or as one constant sample if silent."""
    header = bytes([0xFF, 0xF8, SIZE_CODE << 4 | RATE_CODE, (channels - 1) << 4 | BITS_CODE << 1])
    header += chr(number).encode("utf-8", "surrogatepass") + struct.pack(">H", size - 1)
    header += bytes([_crc(header, CRC8, 8)])
    samples = array("h", content)
    body = b""
    for channel in range(channels):
        track = samples[channel::channels]
        if not any(track):
            body += b"\x00\x00\x00"
            continue
        track.byteswap()
        body += b"\x02" + track.tobytes()
    frame = header + body
    return frame + struct.pack(">H", _crc(frame, CRC16, 16))


def _page(file: BinaryIO, number: int, samples: int, flags: int, packet: bytes) -> None:
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBQII", b"OggS", 0, flags, samples, SERIAL, number)
    tail = bytes([len(lacing)]) + lacing + packet
    checksum = _crc(head + bytes(4) + tail, CRC32, 32)
    file.write(head + struct.pack("<I", checksum) + tail)


def _table(polynomial: int, bits: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            top = value >> (bits - 1)
            value = (value << 1 ^ (polynomial if top else 0)) & ((1 << bits) - 1)
        table.append(value)
    return table


def _crc(data: bytes, table: list[int], bits: int) -> int:
    value = 0
    shift, mask = bits - 8, (1 << bits) - 1
    for byte in data:
        value = (value << 8 & mask) ^ table[(value >> shift ^ byte) & 0xFF]
    return value


CRC8 = _table(0x07, 8)
CRC16 = _table(0x8005, 16)
CRC32 = _table(0x04C11DB7, 32)
