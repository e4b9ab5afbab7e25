/** What was measured of a mix, and the plan that it was made by: the documents of GetRenderReport. */

export interface Report {
  duration_s: number;
  sample_rate: number;
  integrated_lufs: number;
  loudness_range_lu: number;
  true_peak_dbtp: number;
  lar_db: number | null;
  stages?: Record<string, Record<string, number>>;
  curves?: Partial<
    Record<
      | "band_hz"
      | "spectrum_after_db"
      | "spectrum_before_db"
      | "spectrum_reference_db"
      | "time_s"
      | "loudness_lufs"
      | "gain_reduction_db"
      | "backing_lufs"
      | "vocal_lufs",
      number[]
    >
  >;
  notes?: string[];
}

export interface Decision {
  value: number | string | unknown[];
  unit: string;
  reason: string;
}

export interface Cut {
  freq_hz: number;
  gain_db: number;
  q: number;
  reason: string;
}

export interface Insert {
  kind: string;
  on: boolean;
  parameters: Record<string, Decision | Cut[] | null>;
}

export interface Strip {
  name: string;
  role?: Decision;
  mute?: boolean;
  inserts: Insert[];
  sends?: { to: string; level_db: Decision }[];
  to?: string;
}

export interface Plan {
  sample_rate: number;
  style: Decision;
  tempo_bpm: Decision;
  edge_fade_ms: Decision;
  tracks: Strip[];
  buses: Strip[];
  master: { inserts: Insert[] };
  notes: string[];
  /** What a preview plays of the song; nothing where it is whole. */
  passage?: { start_s: number; length_s: number } | null;
}
