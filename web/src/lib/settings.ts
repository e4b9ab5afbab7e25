/** What can be asked of a mix: bounds and explanations are the API's own, names and order are the page's. */
import bounds from "../api/settings.json";
import type { MixSettings } from "./api";

type Name = keyof MixSettings;

interface Common {
  name: Name;
  label: string;
  help: string;
}
export interface Amount extends Common {
  kind: "amount";
  low: number;
  high: number;
  step: number;
  unit: string;
  usual: number;
}
export interface Choice extends Common {
  kind: "choice";
  options: readonly { value: string; label: string }[];
  usual: string;
}
export interface Switch extends Common {
  kind: "switch";
  usual: boolean;
}
export type Setting = Amount | Choice | Switch;

const known = bounds as Record<string, { minimum?: number; maximum?: number; description?: string }>;
const help = (name: Name) => known[name]?.description ?? "";

function amount(name: Name, label: string, usual: number, step: number, unit = ""): Amount {
  const { minimum = 0, maximum = 1 } = known[name] ?? {};
  return { kind: "amount", name, label, help: help(name), low: minimum, high: maximum, step, unit, usual };
}
function choice(name: Name, label: string, options: [string, string][]): Choice {
  const all = options.map(([value, text]) => ({ value, label: text }));
  return { kind: "choice", name, label, help: help(name), options: all, usual: all[0]?.value ?? "" };
}
const toggle = (name: Name, label: string, usual: boolean): Switch => ({ kind: "switch", name, label, help: help(name), usual });

/** The few that matter. */
export const MAIN: readonly Setting[] = [
  amount("vocal_level_db", "Vocal level", 0, 0.5, "dB"),
  amount("target_loudness_lufs", "Loudness", -14, 0.5, "LUFS"),
  amount("reverb_amount", "Reverb", 1, 0.1),
  choice("style", "Style", [
    ["auto", "Listen to the beat"],
    ["rap", "Rap"],
    ["pop", "Pop"],
    ["folk", "Folk"],
    ["electronic", "Electronic"],
    ["rock", "Rock"],
    ["metal", "Metal"],
  ]),
];

/** Those that mean something with a reference alone. */
export const REFERENCE: readonly Setting[] = [
  amount("reference_strength", "Follow the reference", 0.8, 0.05),
  toggle("match_reference_loudness", "As loud as the reference", false),
];

export const MORE: readonly { title: string; settings: readonly Setting[] }[] = [
  {
    title: "Sound",
    settings: [
      amount("delay_amount", "Echo", 1, 0.1),
      choice("delay_division", "Echo time", [
        ["auto", "Automatic"],
        ["quarter", "Quarter"],
        ["dotted-eighth", "Dotted eighth"],
        ["eighth", "Eighth"],
        ["triplet", "Triplet"],
        ["sixteenth", "Sixteenth"],
      ]),
      amount("deess_amount", "Soften sibilants", 1, 0.1),
      choice("balance", "Balance", [
        ["auto", "Find out"],
        ["session", "As the files are"],
        ["style", "By the style"],
      ]),
      amount("neutral_strength", "Towards commercial music", 0.5, 0.05),
    ],
  },
  {
    title: "Loudness",
    settings: [amount("ceiling_dbtp", "Ceiling", -1, 0.1, "dBTP"), amount("max_limiting_db", "Most limiting", 8, 0.5, "dB")],
  },
  {
    title: "Reference, in detail",
    settings: [
      amount("reference_spectrum", "Spectrum", 1, 0.05),
      amount("reference_width", "Width", 1, 0.05),
      amount("reference_dynamics", "Dynamics", 1, 0.05),
      amount("reference_loudness", "Loudness", 1, 0.05),
    ],
  },
  {
    title: "Files",
    settings: [
      choice("format", "Format", [
        ["RENDER_FORMAT_WAV24", "WAV, 24 bit"],
        ["RENDER_FORMAT_WAV16", "WAV, 16 bit"],
        ["RENDER_FORMAT_WAV32F", "WAV, 32 bit float"],
        ["RENDER_FORMAT_FLAC24", "FLAC, 24 bit"],
        ["RENDER_FORMAT_FLAC16", "FLAC, 16 bit"],
        ["RENDER_FORMAT_MP3", "MP3, 320 kbit/s"],
      ]),
      choice("sample_rate", "Sample rate", [
        ["0", "As the beat"],
        ["44100", "44.1 kHz"],
        ["48000", "48 kHz"],
        ["88200", "88.2 kHz"],
        ["96000", "96 kHz"],
      ]),
      toggle("stems", "Keep stems", true),
      toggle("comparison", "Keep the plain sum to compare with", true),
    ],
  },
];

export type Values = Partial<Record<Name, number | string | boolean>>;

export const PRESETS: readonly { label: string; says: string; values: Values }[] = [
  { label: "Balanced", says: "What streaming services play at", values: {} },
  { label: "Loud", says: "As dense as a club or rap master", values: { target_loudness_lufs: -9, max_limiting_db: 12 } },
  { label: "Dynamic", says: "Room for peaks, little limiting", values: { target_loudness_lufs: -16, max_limiting_db: 3 } },
  { label: "Up close", says: "The voice in front and dry", values: { vocal_level_db: 1.5, reverb_amount: 0.4, delay_amount: 0.3 } },
  { label: "Spacious", says: "More room and echo", values: { reverb_amount: 1.6, delay_amount: 1.5 } },
];

/** What the page asks for, in the API's words. */
export function asked(values: Values): MixSettings {
  const { sample_rate: rate, ...rest } = { stems: true, ...values };
  return { ...rest, ...(rate === undefined ? {} : { sample_rate: Number(rate) }) } as MixSettings;
}
