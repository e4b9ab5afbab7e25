/** Files on their way in: one after the other, each going on where it was cut. */
import { ApiError, uploads as api, type Asset } from "./api";
import { away, refusal, sentence } from "./errors";
import { guess, type Role } from "./roles";
import { token } from "./session.svelte";

export interface Upload {
  key: string;
  file: File;
  projectId: string;
  role: Role;
  /** 0 to 1 of the bytes. */
  progress: number;
  state: "waiting" | "sending" | "cut" | "checking" | "refused";
  why: string;
}

export const uploading = $state<{ all: Upload[] }>({ all: [] });

/** Reasons that concern the moment and not the file: the upload waits and goes on. */
const PASSING = new Set(["UPLOADS_BUSY", "UPLOAD_BUSY", "STREAM_IDLE", "STREAM_TOO_SLOW", "STOPPING", "OFFSET_MISMATCH", "VERIFYING"]);
const LONGEST_WAIT_MS = 10_000;

let running: Promise<void> | null = null;
const listeners = new Set<(projectId: string, asset: Asset) => void>();
const stopped = new Set<string>();

/** Calls `heard` with every asset that a file has become, until the answer is called. */
export function onAsset(heard: (projectId: string, asset: Asset) => void): () => void {
  listeners.add(heard);
  return () => listeners.delete(heard);
}

export function add(projectId: string, files: Iterable<File>): void {
  for (const file of files) {
    const key = [projectId, file.name, file.size, file.lastModified].join("/");
    uploading.all = uploading.all.filter((one) => one.key !== key || one.state !== "refused");
    if (uploading.all.some((one) => one.key === key)) continue;
    stopped.delete(key);
    // An upload of nothing cannot be opened.
    const refused = file.size === 0 ? ({ state: "refused", why: sentence(new ApiError(400, "EMPTY", "")) } as const) : null;
    const upload: Upload = { key, file, projectId, role: guess(file.name), progress: 0, state: "waiting", why: "" };
    uploading.all.push({ ...upload, ...refused });
  }
  running ??= work().finally(() => (running = null));
}

/** Gives a file up, or takes its refusal from the list. */
export async function drop(upload: Upload): Promise<void> {
  stopped.add(upload.key);
  uploading.all = uploading.all.filter((one) => one.key !== upload.key);
  sending?.abort();
  const id = remembered(upload.key);
  remember(upload.key, "");
  if (id) await api.abort(id).catch(() => undefined);
}

async function work(): Promise<void> {
  for (;;) {
    const next = uploading.all.find((one) => one.state === "waiting");
    if (!next) return;
    await one(next);
  }
}

async function one(upload: Upload): Promise<void> {
  for (let failures = 0; !stopped.has(upload.key); failures += 1) {
    try {
      const asset = await attempt(upload, () => (failures = 0));
      remember(upload.key, "");
      uploading.all = uploading.all.filter((other) => other.key !== upload.key);
      for (const heard of listeners) heard(upload.projectId, asset);
      return;
    } catch (error) {
      if (stopped.has(upload.key)) return;
      const passing = error instanceof ApiError && (error.isAway || PASSING.has(error.reason));
      if (!passing) {
        remember(upload.key, "");
        upload.state = "refused";
        upload.why = sentence(error);
        return;
      }
      upload.state = "cut";
      upload.why = "Cut off. It goes on where it was.";
      await pause(Math.min(LONGEST_WAIT_MS, 500 * 2 ** failures));
    }
  }
}

/** Until the time is over or the browser says that it is online again. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      removeEventListener("online", end);
      done();
    }
    addEventListener("online", end);
  });
}

async function attempt(upload: Upload, moved: () => void): Promise<Asset> {
  let id = remembered(upload.key);
  let offset = 0;
  if (id) {
    const found = await api.get(id).catch((error: unknown) => {
      if (error instanceof ApiError && error.isAway) throw error;
      return null;
    });
    if (found?.state === "UPLOAD_STATE_OPEN" || found?.state === "UPLOAD_STATE_VERIFYING") offset = Number(found.received);
    else if (found?.state !== "UPLOAD_STATE_DONE") id = "";
    else offset = upload.file.size;
  }
  if (!id) {
    id = (await api.create(upload.projectId, upload.file.name, upload.role, upload.file.size)).id;
    remember(upload.key, id);
  }
  upload.state = "sending";
  upload.why = "";
  if (offset < upload.file.size) {
    await send(id, upload.file, offset, await token(), (sent) => {
      upload.progress = sent / upload.file.size;
      moved();
    });
  }
  upload.progress = 1;
  upload.state = "checking";
  return api.complete(id);
}

let sending: XMLHttpRequest | null = null;

/** XMLHttpRequest, because fetch does not tell how far it has sent. */
function send(id: string, file: File, offset: number, bearer: string, moved: (sent: number) => void): Promise<void> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    sending = request;
    request.open("PUT", `/v1/uploads/${id}/bytes?offset=${offset}`);
    request.setRequestHeader("authorization", `Bearer ${bearer}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => moved(offset + event.loaded);
    request.onerror = request.onabort = request.ontimeout = () => failed(away());
    request.onload = () => {
      if (request.status === 200) return done();
      if (request.status === 401) return failed(away()); // the token ran out on the way: a new one goes on
      let body: unknown = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // no reason was given
      }
      failed(refusal(request.status, body, new Headers()));
    };
    request.send(file.slice(offset));
  });
}

// The ids of open uploads outlive the page: the same file, dropped again, goes on.
const KEPT = "automix.uploads";

function all(): Record<string, string> {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

const remembered = (key: string): string => all()[key] ?? "";

function remember(key: string, id: string): void {
  const { [key]: _, ...others } = all();
  localStorage.setItem(KEPT, JSON.stringify(id ? { ...others, [key]: id } : others));
}
