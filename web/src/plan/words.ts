/** The plan's names as an engineer says them, and how far a control goes. */
import known from "../api/settings.json";
import bounds from "./bounds.json";

interface Parameter {
  minimum?: number;
  maximum?: number;
  enum?: string[];
}
const EFFECTS = known.effects as unknown as Record<string, Record<string, Parameter>>;

export const KINDS: Record<string, string> = {
  input: "Input",
  highpass: "High-pass",
  lowpass: "Low-pass",
  gsm: "GSM",
  mp3: "MP3",
  tone: "Tone",
  resonances: "Resonances",
  expander: "Expander",
  fade: "Fade",
  ride: "Rides",
  deesser: "De-esser",
  compressor: "Compressor",
  width: "Width",
  pan: "Pan",
  fader: "Fader",
  dc: "DC",
  lows: "Lows to mono",
  give_way: "Gives way",
  balance: "Balance",
  unmask: "Unmasking",
  reverb: "Reverb",
  echo: "Echo",
  reference: "Reference",
  correction: "Rehearsal",
  glue: "Glue",
  crest: "Hits",
  range: "Range",
  loudness: "Loudness",
  limiter: "Limiter",
};

export const BUSES: Record<string, string> = {
  lead: "Lead bus",
  backing: "Backing vocals bus",
  drums: "Drums bus",
  beat: "Beat bus",
  space: "Space",
  mix: "Mix bus",
};

/** What an insert is called: an effect that was asked for by its own name. */
export function kindName(kind: string): string {
  return KINDS[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1).replaceAll("_", " ");
}

const NAMES: Record<string, string> = {
  dc: "Offset",
  lar_db: "Lead over beats",
  highpass_hz: "Cutoff",
  mono_below_hz: "Mono below",
  level_db: "Level",
  cuts: "Cuts",
  keys: "For tracks",
};
const WORDS_OF_KIND = /^(expander|deess|compressor|reverb|echo|glue|crest|range|correct)_/;
const UNITS = /_(db|hz|ms|lufs|lu|s|dbtp|bpm)$/;

export function parameterName(name: string): string {
  const known = NAMES[name];
  if (known) return known;
  const words = name.replace(UNITS, "").replace(WORDS_OF_KIND, "").replaceAll("_", " ") || "amount";
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The words that a decision may be. */
export function choices(kind: string, name: string): readonly string[] | undefined {
  const ofEffect = EFFECTS[kind]?.[name]?.enum?.filter(Boolean);
  return ofEffect ?? (name === "channels" ? ["mono", "left", "right", "mid", "stereo"] : undefined);
}

export interface Range {
  /** Beyond these the engine refuses. */
  low: number;
  high: number;
  /** Where a slider goes: what anybody would set. */
  from: number;
  to: number;
  step: number;
}

const USUAL: Record<string, [number, number]> = {
  dB: [-24, 12],
  LUFS: [-60, 0],
  LU: [-40, 6],
  dBTP: [-9, 0],
  Hz: [10, 500],
  ms: [0, 1000],
  ":1": [1, 10],
};

export function range(kind: string, name: string, unit: string, value: number): Range {
  const { minimum, maximum } = EFFECTS[kind]?.[name] ?? {};
  if (minimum !== undefined && maximum !== undefined) {
    const step = unit === "Hz" || unit === "ms" || maximum - minimum > 100 ? 1 : maximum - minimum > 3 ? 0.1 : 0.01;
    return { low: minimum, high: maximum, from: minimum, to: maximum, step };
  }
  const [low, high] = (bounds as unknown as Record<string, [number, number]>)[name] ?? [-Infinity, Infinity];
  const [usualLow, usualHigh] = USUAL[unit] ?? [low, high];
  const from = Math.min(value, Math.max(low, usualLow));
  const to = Math.max(value, Math.min(high, usualHigh));
  const step = ["Hz", "ms"].includes(unit) ? 1 : unit === "dB" || unit.startsWith("LU") || unit === "dBTP" ? 0.1 : 0.01;
  return { low, high, from: Number.isFinite(from) ? from : 0, to: Number.isFinite(to) ? to : 1, step };
}

/** Third octaves from 25 Hz to 20 kHz, as the engine has them. */
export const BAND_HZ: readonly number[] = Array.from({ length: 30 }, (_, band) => 1000 * 2 ** ((band - 16) / 3));
export const bandName = (band: number): string => {
  const hz = BAND_HZ[band] ?? 0;
  return hz < 1000 ? `${Math.round(hz)} Hz` : `${(hz / 1000).toFixed(hz < 10000 ? 1 : 0)} kHz`;
};
