/**
 * Several versions of a song at the same place: one AudioContext, in which every version sounds all the time and gains
 * say which is heard. So a switch happens at a sample and takes as long as its fade. Sound is scheduled by pieces, ahead
 * of time and alike for all versions.
 */
import { open, type Sign, type Source } from "./source";

export interface Voice {
  id: string;
  sign: Sign;
  /** What makes it as loud as the others. */
  gainDb: number;
}

interface Loaded {
  voice: Voice;
  source: Source | null;
  gain: GainNode;
  nodes: Set<AudioBufferSourceNode>;
}

interface Piece {
  when: number;
  from: number;
  frames: number;
}

const FIRST_SECONDS = 2;
const PIECE_SECONDS = 8;
const AHEAD_SECONDS = 10;
const TICK_MS = 200;
/** Long enough not to click, short enough to hear nothing of it. */
export const FADE_SECONDS = 0.01;

export class Player {
  playing = $state(false);
  /** Waits for the first piece. */
  waiting = $state(false);
  position = $state(0);
  loop = $state<{ from: number; to: number } | null>(null);
  problems = $state<Record<string, string>>({});

  readonly duration: number;
  private context: AudioContext | null = null;
  private readonly rate: number;
  private voices = new Map<string, Loaded>();
  private heard: ReadonlySet<string> = new Set();
  private pieces: Piece[] = [];
  private generation = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private frame = 0;
  private readonly closing = new AbortController();

  constructor(duration: number, rate: number) {
    this.duration = duration;
    this.rate = rate;
  }

  /** The versions that can be heard. The one that plays goes on. */
  async setVoices(voices: readonly Voice[]): Promise<void> {
    const wanted = new Set(voices.map((one) => one.id));
    for (const [id, loaded] of this.voices) {
      if (wanted.has(id)) continue;
      silence(loaded);
      loaded.gain.disconnect();
      this.voices.delete(id);
    }
    const context = this.opened();
    const opened = Promise.all(
      voices.map(async (voice) => {
        const known = this.voices.get(voice.id);
        if (known) {
          known.voice = voice;
          return;
        }
        const loaded: Loaded = { voice, source: null, gain: context.createGain(), nodes: new Set() };
        loaded.gain.gain.value = this.heard.has(voice.id) ? linear(voice.gainDb) : 0;
        loaded.gain.connect(context.destination);
        this.voices.set(voice.id, loaded);
        try {
          loaded.source = await open(context, voice.sign, this.closing.signal);
          if (this.playing) for (const piece of this.pieces) void this.sound(loaded, piece, this.generation);
        } catch (error) {
          if (!this.closing.signal.aborted) this.problems[voice.id] = (error as Error).message;
        }
      }),
    );
    this.hear(this.heard); // what is added or taken away changes how loud all of them are
    await opened;
  }

  private opened(): AudioContext {
    // At the mix's own rate nothing is resampled, and pieces join without a seam.
    this.context ??= new AudioContext({ sampleRate: this.rate, latencyHint: "interactive" });
    return this.context;
  }

  /** Which versions sound from now on: one of them, or several stems. */
  hear(ids: Iterable<string>): void {
    this.heard = new Set(ids);
    const now = this.context?.currentTime ?? 0;
    for (const [id, { gain, voice }] of this.voices) {
      const target = this.heard.has(id) ? linear(voice.gainDb) : 0;
      gain.gain.cancelScheduledValues(now);
      gain.gain.setValueAtTime(gain.gain.value, now);
      gain.gain.linearRampToValueAtTime(target, now + FADE_SECONDS);
    }
  }

  /** Call it in the handler of a tap or a key: browsers start sound nowhere else. */
  async play(): Promise<void> {
    const context = this.opened();
    const resumed = context.resume();
    if (this.playing) return;
    this.playing = true;
    await this.start(resumed);
  }

  pause(): void {
    if (!this.playing) return;
    this.position = this.now();
    this.playing = false;
    this.stop();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else void this.play();
  }

  seek(seconds: number): void {
    const to = Math.max(0, Math.min(this.duration, seconds));
    this.position = to;
    if (!this.playing) return;
    this.stop();
    void this.start(Promise.resolve());
  }

  setLoop(region: { from: number; to: number } | null): void {
    const here = this.now();
    this.loop = region && region.to - region.from >= 0.25 ? region : null;
    if (this.loop && (here < this.loop.from || here >= this.loop.to)) this.seek(this.loop.from);
    else if (this.playing) this.seek(here);
  }

  close(): void {
    this.pause();
    this.closing.abort();
    void this.context?.close();
    this.context = null;
  }

  private async start(resumed: Promise<void>): Promise<void> {
    const context = this.opened();
    const generation = ++this.generation;
    const at = this.position >= this.duration - 0.01 ? 0 : this.position;
    const first: Piece = { when: 0, from: Math.round(at * this.rate), frames: 0 };
    first.frames = this.length(first.from, FIRST_SECONDS);
    this.waiting = true;
    const audible = [...this.voices.values()].filter((one) => this.heard.has(one.voice.id) && one.source);
    await Promise.all([
      resumed,
      ...audible.map((one) => one.source?.read(first.from, first.frames).catch(() => undefined)),
    ]);
    if (generation !== this.generation || !this.playing) return;
    this.waiting = false;
    first.when = context.currentTime + 0.03;
    this.pieces = [];
    this.schedule(first);
    this.tick();
    this.timer = setInterval(() => this.tick(), TICK_MS);
    const draw = () => {
      if (generation !== this.generation) return;
      this.position = this.now();
      this.frame = requestAnimationFrame(draw);
    };
    draw();
  }

  private stop(): void {
    this.generation += 1;
    this.waiting = false;
    clearInterval(this.timer);
    cancelAnimationFrame(this.frame);
    this.pieces = [];
    for (const loaded of this.voices.values()) silence(loaded);
  }

  /** How many frames a piece from there on has, up to the end of the song or of the loop. */
  private length(from: number, seconds: number): number {
    const end = this.loop && from < this.loop.to * this.rate ? this.loop.to : this.duration;
    return Math.max(1, Math.min(Math.round(seconds * this.rate), Math.round(end * this.rate) - from));
  }

  private tick(): void {
    const context = this.opened();
    const now = context.currentTime;
    for (let last = this.pieces.at(-1); last; last = this.pieces.at(-1)) {
      const end = last.when + last.frames / this.rate;
      if (end > now + AHEAD_SECONDS) break;
      let from = last.from + last.frames;
      if (this.loop && from >= Math.round(this.loop.to * this.rate)) from = Math.round(this.loop.from * this.rate);
      else if (from >= Math.round(this.duration * this.rate)) {
        if (now >= end) this.finish();
        break;
      }
      this.schedule({ when: end, from, frames: this.length(from, PIECE_SECONDS) });
    }
    while (this.pieces.length > 1 && (this.pieces[1]?.when ?? Infinity) < now - 1) this.pieces.shift();
  }

  private finish(): void {
    this.playing = false;
    this.stop();
    this.position = 0;
  }

  private schedule(piece: Piece): void {
    this.pieces.push(piece);
    for (const loaded of this.voices.values()) void this.sound(loaded, piece, this.generation);
  }

  private async sound(loaded: Loaded, piece: Piece, generation: number): Promise<void> {
    if (!loaded.source) return;
    const buffer = await loaded.source.read(piece.from, piece.frames).catch(() => null);
    const context = this.context;
    if (!buffer || !context || generation !== this.generation) return;
    const node = context.createBufferSource();
    node.buffer = buffer;
    node.connect(loaded.gain);
    const late = context.currentTime + 0.02 - piece.when;
    if (late > buffer.duration) return;
    // What has come late begins in its middle, in step with the others.
    if (late > 0) node.start(piece.when + late, late);
    else node.start(piece.when);
    loaded.nodes.add(node);
    node.onended = () => {
      loaded.nodes.delete(node);
      node.disconnect();
    };
  }

  private now(): number {
    if (!this.playing || !this.context || this.pieces.length === 0) return this.position;
    const time = this.context.currentTime;
    const piece = this.pieces.findLast((one) => one.when <= time) ?? this.pieces[0];
    if (!piece) return this.position;
    const into = Math.max(0, Math.min(time - piece.when, piece.frames / this.rate));
    return Math.min(this.duration, piece.from / this.rate + into);
  }
}

function silence(loaded: Loaded): void {
  for (const node of loaded.nodes) {
    node.onended = null;
    node.stop();
    node.disconnect();
  }
  loaded.nodes.clear();
}

const linear = (db: number): number => 10 ** (db / 20);
