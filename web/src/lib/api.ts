/** Calls of the API, typed by its OpenAPI document. What is refused is thrown as ApiError. */
import createClient from "openapi-fetch";
import type { components, paths } from "../api/schema";
import { lost } from "./connection.svelte";
import { ApiError, away, refusal } from "./errors";
import { token } from "./session.svelte";

export type Schemas = components["schemas"];
export type Project = Required<Schemas["Project"]>;
export type Asset = Schemas["Asset"] & { id: string; filename: string };
export type Job = Schemas["Job"] & { id: string; project_id: string };
export type Render = Schemas["Render"] & { id: string; project_id: string; job_id: string; filename: string };
export type RenderFile = Required<Schemas["RenderFile"]>;
export type MixSettings = Schemas["MixSettings"];
export type TrackOptions = Schemas["TrackOptions"];
export type Preset = Schemas["Preset"] & { id: string; name: string };

/** fetch with a token, a new one when it is refused. */
export async function authorized(input: Request): Promise<Response> {
  const send = async (bearer: string) => {
    const request = input.clone();
    request.headers.set("authorization", `Bearer ${bearer}`);
    try {
      return await fetch(request);
    } catch (error) {
      if (input.signal.aborted) throw error;
      lost();
      throw away();
    }
  };
  const first = await token();
  const response = await send(first);
  return response.status === 401 ? send(await token(first)) : response;
}

const client = createClient<paths>({ fetch: authorized });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's body, or the refusal as an error. */
async function said<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok) return data as T;
  const refused = refusal(response.status, error, response.headers);
  if (refused.isAway) lost();
  throw refused;
}

const id = () => crypto.randomUUID();

async function pages<T>(page: (token: string) => Promise<{ items?: T[]; next?: string }>): Promise<T[]> {
  const all: T[] = [];
  let next = "";
  do {
    const found = await page(next);
    all.push(...(found.items ?? []));
    next = found.next ?? "";
  } while (next);
  return all;
}

export const projects = {
  list: () =>
    pages<Project>(async (page_token) => {
      const query = { page_size: 200, page_token };
      const found = await said(client.GET("/v1/projects", { params: { query } }));
      return { items: found.projects as Project[], next: found.next_page_token };
    }),
  get: async (project_id: string) =>
    (await said(client.GET("/v1/projects/{project_id}", { params: { path: { project_id } } }))).project as Project,
  create: async (name: string) =>
    (await said(client.POST("/v1/projects", { body: { name, request_id: id() } }))).project as Project,
  update: async (project_id: string, change: { name: string } | { completed: boolean }) => {
    const body = { ...change, update_mask: Object.keys(change).join(",") };
    const path = { params: { path: { project_id } }, body };
    return (await said(client.PATCH("/v1/projects/{project_id}", path))).project as Project;
  },
};

export const assets = {
  list: (project_id: string) =>
    pages<Asset>(async (page_token) => {
      const params = { path: { project_id }, query: { page_size: 200, page_token } };
      const found = await said(client.GET("/v1/projects/{project_id}/assets", { params }));
      return { items: found.assets as Asset[], next: found.next_page_token };
    }),
  setRole: async (asset_id: string, role: Schemas["AssetRole"]) => {
    const body = { role, update_mask: "role" };
    return (await said(client.PATCH("/v1/assets/{asset_id}", { params: { path: { asset_id } }, body }))).asset as Asset;
  },
  waveform: (asset_id: string) => said(client.GET("/v1/assets/{asset_id}/waveform", { params: { path: { asset_id } } })),
  url: async (asset_id: string) => {
    const params = { path: { asset_id } };
    const found = await said(client.POST("/v1/assets/{asset_id}:createDownloadUrl", { params, body: {} }));
    return here(found.url);
  },
};

export const uploads = {
  create: async (project_id: string, filename: string, role: Schemas["AssetRole"], size: number) => {
    const body = { filename, role, size: String(size), request_id: id() };
    const params = { path: { project_id } };
    const found = await said(client.POST("/v1/projects/{project_id}/uploads", { params, body }));
    return found.upload as Schemas["Upload"] & { id: string };
  },
  get: async (upload_id: string) =>
    ((await said(client.GET("/v1/uploads/{upload_id}", { params: { path: { upload_id } } }))).upload ?? {}) as Schemas["Upload"],
  complete: async (upload_id: string) =>
    (await said(client.POST("/v1/uploads/{upload_id}:complete", { params: { path: { upload_id } }, body: {} })))
      .asset as Asset,
  abort: (upload_id: string) =>
    said(client.POST("/v1/uploads/{upload_id}:abort", { params: { path: { upload_id } }, body: {} })),
};

export interface Wanted {
  inputs?: Schemas["JobInput"][];
  settings: MixSettings;
  plan_json?: string;
}

export const jobs = {
  list: async (project_id: string) => {
    const params = { path: { project_id }, query: { page_size: 50 } };
    return ((await said(client.GET("/v1/projects/{project_id}/jobs", { params }))).jobs ?? []) as Job[];
  },
  get: async (job_id: string) => (await said(client.GET("/v1/jobs/{job_id}", { params: { path: { job_id } } }))).job as Job,
  create: async (project_id: string, wanted: Wanted) => {
    const params = { path: { project_id } };
    const body = { ...wanted, request_id: id() };
    return (await said(client.POST("/v1/projects/{project_id}/jobs", { params, body }))).job as Job;
  },
  cancel: async (job_id: string) =>
    (await said(client.POST("/v1/jobs/{job_id}:cancel", { params: { path: { job_id } }, body: {} }))).job as Job,
  retry: async (job_id: string) => {
    const params = { path: { job_id } };
    return (await said(client.POST("/v1/jobs/{job_id}:retry", { params, body: { request_id: id() } }))).job as Job;
  },
};

export const renders = {
  list: (project_id: string) =>
    pages<Render>(async (page_token) => {
      const params = { path: { project_id }, query: { page_size: 200, page_token } };
      const found = await said(client.GET("/v1/projects/{project_id}/renders", { params }));
      return { items: found.renders as Render[], next: found.next_page_token };
    }),
  get: async (render_id: string) =>
    (await said(client.GET("/v1/renders/{render_id}", { params: { path: { render_id } } }))).render as Render,
  report: async (render_id: string) => {
    const found = await said(client.GET("/v1/renders/{render_id}/report", { params: { path: { render_id } } }));
    return { plan: found.plan_json ?? "{}", report: found.report_json ?? "{}" };
  },
  url: async (render_id: string, seconds = 600) => {
    const params = { path: { render_id } };
    const body = { lifetime: `${seconds}s` };
    const found = await said(client.POST("/v1/renders/{render_id}:createDownloadUrl", { params, body }));
    return { url: here(found.url), expires: new Date(found.expires_at ?? 0) };
  },
  fileUrl: async (file_id: string) => {
    const params = { path: { file_id } };
    const found = await said(client.POST("/v1/renderFiles/{file_id}:createDownloadUrl", { params, body: {} }));
    return here(found.url);
  },
};

export const presets = {
  list: () =>
    pages<Preset>(async (page_token) => {
      const found = await said(client.GET("/v1/presets", { params: { query: { page_size: 200, page_token } } }));
      return { items: found.presets as Preset[], next: found.next_page_token };
    }),
  save: async (name: string, settings: MixSettings) =>
    (await said(client.POST("/v1/presets", { body: { name, settings } }))).preset as Preset,
  delete: (preset_id: string) => said(client.DELETE("/v1/presets/{preset_id}", { params: { path: { preset_id } } })),
};

/** Deletes; also while the page is being left, when the browser finishes the call by itself. */
export async function remove(path: `/v1/projects/${string}` | `/v1/assets/${string}` | `/v1/renders/${string}`) {
  const request = new Request(path, { method: "DELETE", keepalive: true });
  const response = await authorized(request);
  if (!response.ok) throw refusal(response.status, await response.json().catch(() => null), response.headers);
}

/** A presigned URL names the gateway's own address; under another name of it the page may reach only its own. */
function here(url: string | undefined): string {
  const signed = new URL(url ?? "", location.origin);
  return signed.pathname + signed.search;
}

export { ApiError };
