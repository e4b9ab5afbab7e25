/** What can be asked of a mix: bounds, defaults, units and explanations are the API's own, names and order the page's. */
import known from "../api/settings.json";
import type { MixSettings, Preset, Schemas } from "./api";

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
export interface Words extends Common {
  kind: "words";
  longest: number;
  usual: string;
}
/** Some of a few words. */
export interface Several extends Common {
  kind: "several";
  options: readonly { value: string; label: string }[];
  usual: readonly string[];
}
export type Setting = Amount | Choice | Switch | Words | Several;

interface Known {
  default: unknown;
  description: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  enum?: (string | number)[];
  "x-unit"?: string;
}
const about = (name: Name): Known => (known.settings as unknown as Record<string, Known>)[name]!;
const common = (name: Name, label: string) => ({ name, label, help: about(name).description });

function amount(name: Name, label: string, step: number): Amount {
  const { minimum = 0, maximum = 1, default: usual, "x-unit": unit = "" } = about(name);
  return { kind: "amount", ...common(name, label), low: minimum, high: maximum, step, unit, usual: Number(usual) };
}
/** Every value that the API knows, those without a label of the page by their own name. */
function choice(name: Name, label: string, labels: Record<string, string>): Choice {
  const values = (about(name).enum ?? []).map(String).filter((one) => one && !one.endsWith("_UNSPECIFIED"));
  const order = Object.keys(labels);
  const place = (value: string) => (order.includes(value) ? order.indexOf(value) : order.length);
  const options = values.toSorted((a, b) => place(a) - place(b)).map((value) => ({ value, label: labels[value] ?? titled(value.replaceAll("-", " ")) }));
  return { kind: "choice", ...common(name, label), options, usual: String(about(name).default) };
}
const toggle = (name: Name, label: string, usual = about(name).default === true): Switch => ({ kind: "switch", ...common(name, label), usual });
const words = (name: Name, label: string): Words => ({ kind: "words", ...common(name, label), longest: about(name).maxLength ?? 200, usual: "" });
const several = (name: Name, label: string, labels: Record<string, string>): Several => ({
  kind: "several",
  ...common(name, label),
  options: Object.entries(labels).map(([value, text]) => ({ value, label: text })),
  usual: [],
});

/** The few that matter. */
export const MAIN: readonly Setting[] = [
  amount("vocal_level_db", "Vocal level", 0.5),
  amount("target_loudness_lufs", "Loudness", 0.5),
  amount("reverb_amount", "Reverb", 0.1),
  choice("style", "Style", {
    auto: "Listen to the beat",
    rap: "Rap",
    pop: "Pop",
    folk: "Folk",
    electronic: "Electronic",
    rock: "Rock",
    metal: "Metal",
  }),
];

/** Those that mean something with a reference alone. */
export const REFERENCE: readonly Setting[] = [
  amount("reference_strength", "Follow the reference", 0.05),
  toggle("match_reference_loudness", "As loud as the reference"),
];

/** What a preview is. */
export const PREVIEW = about("preview").description;

/** Of one track alone. */
export const MASTERING = toggle("mastering", "It is a finished song: only master it");

export const MORE: readonly { title: string; settings: readonly Setting[] }[] = [
  {
    title: "Sound",
    settings: [
      amount("delay_amount", "Echo", 0.1),
      choice("delay_division", "Echo time", {
        auto: "Automatic",
        quarter: "Quarter",
        "dotted-eighth": "Dotted eighth",
        eighth: "Eighth",
        triplet: "Triplet",
        sixteenth: "Sixteenth",
      }),
      amount("deess_amount", "Soften sibilants", 0.1),
      amount("tune", "Tune the voice", 0.05),
      choice("key", "Key to tune to", { auto: "Find out", chromatic: "Every semitone" }),
      choice("balance", "Balance", { auto: "Find out", session: "As the files are", style: "By the style" }),
      amount("neutral_strength", "Towards commercial music", 0.05),
    ],
  },
  { title: "Loudness", settings: [amount("ceiling_dbtp", "Ceiling", 0.1), amount("max_limiting_db", "Most limiting", 0.5)] },
  {
    title: "Reference, in detail",
    settings: [
      amount("reference_spectrum", "Spectrum", 0.05),
      amount("reference_width", "Width", 0.05),
      amount("reference_dynamics", "Dynamics", 0.05),
      amount("reference_loudness", "Loudness", 0.05),
    ],
  },
  {
    title: "Files",
    settings: [
      choice("format", "Format", {
        RENDER_FORMAT_WAV24: "WAV, 24 bit",
        RENDER_FORMAT_WAV16: "WAV, 16 bit",
        RENDER_FORMAT_WAV32F: "WAV, 32 bit float",
        RENDER_FORMAT_FLAC24: "FLAC, 24 bit",
        RENDER_FORMAT_FLAC16: "FLAC, 16 bit",
        RENDER_FORMAT_MP3: "MP3, 320 kbit/s",
        RENDER_FORMAT_AAC: "AAC, 256 kbit/s",
        RENDER_FORMAT_OPUS: "Opus, 192 kbit/s",
        RENDER_FORMAT_VORBIS: "Vorbis, about 256 kbit/s",
      }),
      choice("sample_rate", "Sample rate", {
        "0": "As the beat",
        "44100": "44.1 kHz",
        "48000": "48 kHz",
        "88200": "88.2 kHz",
        "96000": "96 kHz",
      }),
      several("masters", "Also a master for", { streaming: "Streaming, −14 LUFS", loud: "Loud, −9 LUFS", broadcast: "Broadcast, −23 LUFS" }),
      several("versions", "Also a version", { instrumental: "Instrumental", "a-cappella": "A cappella", "tv-track": "All but the lead" }),
      // The page keeps stems, to listen to them, where the API does not unless it is asked.
      toggle("stems", "Keep stems", true),
      toggle("track_stems", "Keep every track as it sounds in the mix"),
      toggle("comparison", "Keep the plain sum to compare with"),
    ],
  },
  { title: "Tags", settings: [words("title", "Title"), words("artist", "Artist"), words("album", "Album")] },
];

const CALLED = new Map<string, Setting>([...MAIN, ...REFERENCE, ...MORE.flatMap((group) => group.settings)].map((one) => [one.name, one]));

/** A sentence of the engine, with its settings and their values called as the page calls them. */
export function worded(sentence: string): string {
  return sentence
    .replace(/\bset (\w+) to (\w+)/g, (said, name: string, value: string) => {
      const setting = CALLED.get(name);
      const option = setting?.kind === "choice" ? setting.options.find((one) => one.value === value) : undefined;
      return setting && option ? `set “${setting.label}” to “${option.label}”` : said;
    })
    .replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) => (CALLED.has(name) ? `“${CALLED.get(name)?.label}”` : name));
}

/** Effects under a name, and where they can be put. */
export const EFFECTS = known.presets.map(({ name, says }) => ({ name, label: titled(name), says }));
export const STRIPS = { lead: "The lead", "lead-bus": "All lead vocals", "backing-bus": "Backing vocals", "drums-bus": "Drums", beat: "The beat", mix: "The whole mix" };

/** What a track may be said to play, those of vocals first. */
export const PLAYED = known.roles.map((value) => ({ value: value as Schemas["PlayedRole"], label: titled(value.replace("PLAYED_ROLE_", "").toLowerCase()) }));
export const OF_VOCALS: readonly string[] = ["PLAYED_ROLE_LEAD", "PLAYED_ROLE_DOUBLE", "PLAYED_ROLE_BACKING"];

function titled(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

export type Value = number | string | boolean | readonly string[];
export type Values = Partial<Record<Name, Value>>;

/** One with a name, or with values of its own, which came with a preset of the account and is passed on as it is. */
export type Effect = Omit<Schemas["Insert"], "preset"> & { preset?: string };

export const PRESETS: readonly { label: string; says: string; values: Values }[] = [
  { label: "Balanced", says: "What streaming services play at", values: {} },
  { label: "Loud", says: "As dense as a club or rap master", values: { target_loudness_lufs: -9, max_limiting_db: 12 } },
  { label: "Dynamic", says: "Room for peaks, little limiting", values: { target_loudness_lufs: -16, max_limiting_db: 3 } },
  { label: "Up close", says: "The voice in front and dry", values: { vocal_level_db: 1.5, reverb_amount: 0.4, delay_amount: 0.3 } },
  { label: "Spacious", says: "More room and echo", values: { reverb_amount: 1.6, delay_amount: 1.5 } },
];

const FILES = new Set<string>(MORE.filter((one) => ["Files", "Tags"].includes(one.title)).flatMap((one) => one.settings.map(({ name }) => name)));

/** The values without those of files and tags, which no preset speaks of. */
export const ofSound = (values: Values): Values => Object.fromEntries(Object.entries(values).filter(([name]) => !FILES.has(name)));
export const ofFiles = (values: Values): Values => Object.fromEntries(Object.entries(values).filter(([name]) => FILES.has(name)));

/** What the page asks for, in the API's words. */
export function asked(values: Values, effects: readonly Effect[]): MixSettings {
  const { sample_rate: rate, masters, target_loudness_lufs: target, ceiling_dbtp: ceiling, match_reference_loudness: match, ...rest } = { stems: true, ...values };
  const beside = (masters ?? []) as readonly string[];
  const aims = Object.entries({ target_loudness_lufs: target, ceiling_dbtp: ceiling, match_reference_loudness: match }).filter(([, value]) => value !== undefined);
  const usual = (name: Name) => Number(about(name).default);
  // The first of several masters is the mix itself, and says what it aims at.
  const first = `${Number(target ?? usual("target_loudness_lufs"))}/${Number(ceiling ?? usual("ceiling_dbtp"))}`;
  return {
    ...rest,
    ...(rate === undefined ? {} : { sample_rate: Number(rate) }),
    ...(beside.length ? { masters: [first, ...beside] } : Object.fromEntries(aims)),
    ...(effects.length ? { inserts: effects } : {}),
  } as MixSettings;
}

/** Of settings those that a preset keeps: how mixes are to sound. */
export function kept(settings: MixSettings): MixSettings {
  const { format: _, title: __, artist: ___, album: ____, preview: _____, ...sound } = settings;
  return sound;
}

/** What masters with a name aim at. */
const AIMS: Record<string, string> = { streaming: "-14/-1", loud: "-9/-1", broadcast: "-23/-1" };

/** A preset of the account as the page sets it. What was not given comes back empty, and takes its default. */
export function opened({ settings = {} }: Preset): { values: Values; effects: Effect[] } {
  const { inserts = [], masters = [], ...given } = settings;
  const isGiven = ([name, value]: [string, unknown]) =>
    (name in known.settings && (typeof value === "number" ? name !== "sample_rate" : Boolean(value))) &&
    !(Array.isArray(value) && value.length === 0) && !String(value).endsWith("_UNSPECIFIED");
  const values = Object.fromEntries(Object.entries(given).filter(isGiven)) as Values;
  // The first of several masters is what the mix itself aims at.
  const [first, ...beside] = masters;
  const [target, ceiling] = (AIMS[first ?? ""] ?? first ?? "").split("/").map(parseFloat);
  if (first) Object.assign(values, { masters: beside, target_loudness_lufs: target, ceiling_dbtp: ceiling });
  return { values, effects: inserts };
}

/** What is made beside the sound, for a mix by the plan of one that was asked for with these settings. */
export function delivered(settings: MixSettings): MixSettings {
  const names = ["format", "stems", "track_stems", "comparison", "masters", "versions", "title", "artist", "album"] as const;
  return Object.fromEntries(names.filter((name) => settings[name] !== undefined).map((name) => [name, settings[name]]));
}
