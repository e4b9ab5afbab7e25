/** Figures as a person reads them. */

export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const rest = `${Math.floor(whole / 60) % 60}`.padStart(whole >= 3600 ? 2 : 1, "0") + `:${`${whole % 60}`.padStart(2, "0")}`;
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${rest}` : rest;
}

export function bytes(size: number | string | undefined): string {
  let value = Number(size ?? 0);
  for (const unit of ["B", "kB", "MB"]) {
    if (value < 1000) return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} GB`;
}

export function decibels(value: number | undefined, unit = "dB"): string {
  return value === undefined || Number.isNaN(value) ? "–" : `${value.toFixed(1).replace("-", "−")} ${unit}`;
}

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(time: string | undefined): string {
  if (!time) return "";
  const seconds = (Date.parse(time) - Date.now()) / 1000;
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60]] as const;
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return "just now";
}
