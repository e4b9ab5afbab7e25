/** A WAV read by pieces: the header once, then the bytes of each piece by a range request. */

export interface WavFormat {
  rate: number;
  channels: number;
  bits: number;
  isFloat: boolean;
  start: number;
  frames: number;
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
export const HEADER_BYTES = 64 * 1024;

/** The format of a RIFF or RF64 file by its first bytes; null for anything else. */
export function parseHeader(bytes: ArrayBuffer, size: number): WavFormat | null {
  const view = new DataView(bytes);
  const word = (at: number) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (bytes.byteLength < 12 || !["RIFF", "RF64"].includes(word(0)) || word(8) !== "WAVE") return null;
  let found: Omit<WavFormat, "start" | "frames"> | null = null;
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const length = view.getUint32(at + 4, true);
    const body = at + 8;
    if (word(at) === "fmt " && body + 16 <= bytes.byteLength) {
      let kind = view.getUint16(body, true);
      if (kind === EXTENSIBLE && length >= 26) kind = view.getUint16(body + 24, true);
      const channels = view.getUint16(body + 2, true);
      const bits = view.getUint16(body + 14, true);
      const known = (kind === PCM && [16, 24, 32].includes(bits)) || (kind === FLOAT && bits === 32);
      if (!known) return null;
      found = { rate: view.getUint32(body + 4, true), channels, bits, isFloat: kind === FLOAT };
    }
    if (word(at) === "data" && found) {
      // Beyond 4 GB the length stands elsewhere, and is all that follows.
      const there = Math.min(length === 0xffffffff ? size : length, size - body);
      return { ...found, start: body, frames: Math.floor(there / (found.channels * (found.bits / 8))) };
    }
    at = body + length + (length % 2);
  }
  return null;
}

/** Interleaved samples as one array for each channel. */
export function deinterleave(bytes: ArrayBuffer, format: WavFormat): Float32Array<ArrayBuffer>[] {
  const { channels, bits, isFloat } = format;
  const width = bits / 8;
  const frames = Math.floor(bytes.byteLength / (channels * width));
  const view = new DataView(bytes);
  const read: (at: number) => number = isFloat
    ? (at) => view.getFloat32(at, true)
    : bits === 16
      ? (at) => view.getInt16(at, true) / 0x8000
      : bits === 24
        ? (at) => ((view.getInt16(at + 1, true) << 8) | view.getUint8(at)) / 0x800000
        : (at) => view.getInt32(at, true) / 0x80000000;
  return Array.from({ length: channels }, (_, channel) => {
    const samples = new Float32Array(frames);
    for (let frame = 0, at = channel * width; frame < frames; frame += 1, at += channels * width) samples[frame] = read(at);
    return samples;
  });
}
