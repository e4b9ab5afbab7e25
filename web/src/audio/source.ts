/**
 * Where the player takes sound from, by pieces, so that memory stays small: a WAV by range requests, anything else
 * decoded once and kept in 16 bits (11 MB a minute of stereo at 48 kHz instead of 23).
 */
import { deinterleave, HEADER_BYTES, parseHeader, type WavFormat } from "./wav";

export interface Source {
  readonly frames: number;
  /** Samples from `from` on, zeros past the end. */
  read(from: number, frames: number): Promise<AudioBuffer>;
}

const KEPT_PIECES = 4;
const URL_MS = 8 * 60_000;

export type Sign = () => Promise<string>;

/** Opens a file at the context's sample rate. */
export async function open(context: BaseAudioContext, sign: Sign, signal: AbortSignal): Promise<Source> {
  const url = renewed(sign);
  const first = await fetch(await url(), { headers: { range: `bytes=0-${HEADER_BYTES - 1}` }, signal });
  if (!first.ok) throw new Error("The audio cannot be loaded.");
  const size = Number(first.headers.get("content-range")?.split("/")[1] ?? first.headers.get("content-length"));
  const head = await first.arrayBuffer();
  const format = parseHeader(head, size);
  if (format && format.rate === context.sampleRate && format.channels <= 2 && first.status === 206) {
    return pieces(context, format, url, signal);
  }
  const whole = first.status === 206 && size > head.byteLength ? await rest(await url(), head, signal) : head;
  return decoded(context, whole);
}

/** A signed URL that is made anew before it ends. */
function renewed(sign: Sign): Sign {
  let made = 0;
  let url: Promise<string> | null = null;
  return () => {
    if (!url || Date.now() - made > URL_MS) {
      made = Date.now();
      url = sign();
      url.catch(() => (url = null));
    }
    return url;
  };
}

async function rest(url: string, head: ArrayBuffer, signal: AbortSignal): Promise<ArrayBuffer> {
  const response = await fetch(url, { headers: { range: `bytes=${head.byteLength}-` }, signal });
  if (!response.ok) throw new Error("The audio cannot be loaded.");
  return new Blob([head, await response.arrayBuffer()]).arrayBuffer();
}

function pieces(context: BaseAudioContext, format: WavFormat, url: Sign, signal: AbortSignal): Source {
  const kept = new Map<string, Promise<AudioBuffer>>();
  const width = format.channels * (format.bits / 8);

  async function load(from: number, frames: number): Promise<AudioBuffer> {
    const buffer = context.createBuffer(format.channels, frames, format.rate);
    const there = Math.min(frames, format.frames - from);
    if (there <= 0) return buffer;
    const start = format.start + from * width;
    const range = `bytes=${start}-${start + there * width - 1}`;
    const response = await fetch(await url(), { headers: { range }, signal });
    if (response.status !== 206) throw new Error("The audio cannot be loaded.");
    const channels = deinterleave(await response.arrayBuffer(), format);
    channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel));
    return buffer;
  }

  return {
    frames: format.frames,
    read(from, frames) {
      const key = `${from}/${frames}`;
      const known = kept.get(key);
      if (known) return known;
      const loading = load(from, frames);
      loading.catch(() => kept.delete(key));
      kept.set(key, loading);
      for (const old of [...kept.keys()].slice(0, -KEPT_PIECES)) kept.delete(old);
      return loading;
    },
  };
}

async function decoded(context: BaseAudioContext, bytes: ArrayBuffer): Promise<Source> {
  let whole: AudioBuffer;
  try {
    whole = await context.decodeAudioData(bytes);
  } catch {
    throw new Error("This browser cannot play this kind of file.");
  }
  const channels = Array.from({ length: Math.min(2, whole.numberOfChannels) }, (_, channel) => {
    const samples = whole.getChannelData(channel);
    const small = new Int16Array(samples.length);
    for (let i = 0; i < samples.length; i += 1) small[i] = Math.max(-1, Math.min(1, samples[i] ?? 0)) * 0x7fff;
    return small;
  });
  return {
    frames: whole.length,
    read(from, frames) {
      const buffer = context.createBuffer(channels.length, frames, context.sampleRate);
      channels.forEach((small, channel) => {
        const samples = buffer.getChannelData(channel);
        const end = Math.min(frames, small.length - from);
        for (let i = 0; i < end; i += 1) samples[i] = (small[from + i] ?? 0) / 0x7fff;
      });
      return Promise.resolve(buffer);
    },
  };
}
