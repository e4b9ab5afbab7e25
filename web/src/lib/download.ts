/** Files to keep: what the browser does with a link, begun by a button. */
import { renders, type Render } from "./api";

function fetchTo(href: string, name: string): void {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

function saveBlob(blob: Blob, name: string): void {
  const href = URL.createObjectURL(blob);
  fetchTo(href, name);
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

export async function saveMix(render: Render): Promise<void> {
  fetchTo((await renders.url(render.id)).url, render.filename);
}

export async function saveFile(id: string, name: string): Promise<void> {
  fetchTo(await renders.fileUrl(id), name);
}

/** All files of a kind (stem, track) in one, put together here; each is fetched when its turn comes. */
export async function saveAll(render: Render, kind: string): Promise<void> {
  const { downloadZip } = await import("client-zip");
  async function* files() {
    for (const file of (render.files ?? []).filter((one) => one.kind === kind)) {
      const response = await fetch(await renders.fileUrl(file.id ?? ""));
      if (!response.ok) throw new Error(`A ${kind} cannot be loaded. Try again.`);
      yield { name: file.filename ?? `${kind}.wav`, input: response };
    }
  }
  const name = render.filename.replace(/\.\w+$/, "").replace(/ \(mix\)/, "");
  saveBlob(await downloadZip(files()).blob(), `${name} (${kind}s).zip`);
}

export function saveReport(render: Render, plan: string, report: string): void {
  const whole = { plan: JSON.parse(plan) as unknown, report: JSON.parse(report) as unknown };
  const name = render.filename.replace(/\.\w+$/, "");
  saveBlob(new Blob([JSON.stringify(whole, null, 1)], { type: "application/json" }), `${name} report.json`);
}
