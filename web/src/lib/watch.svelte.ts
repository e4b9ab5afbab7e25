/**
 * How a job goes on, over one stream for all tabs: whoever holds the lock reads it and tells the others. A browser opens
 * few connections to one address, and a tab that nobody sees needs none.
 */
import { authorized, jobs, type Job } from "./api";
import { ApiError } from "./errors";

const ENDED = new Set(["JOB_STATUS_SUCCEEDED", "JOB_STATUS_FAILED", "JOB_STATUS_CANCELLED"]);
const AGAIN_MS = 1500;

export const hasEnded = (job: Job): boolean => ENDED.has(job.status ?? "");

/** Calls `heard` with the job as it is, on each change, until it has ended or the answer is called. */
export function watch(jobId: string, heard: (job: Job) => void): () => void {
  const stop = new AbortController();
  const channel = new BroadcastChannel(`automix.job.${jobId}`);
  const tell = (job: Job) => {
    heard(job);
    if (hasEnded(job)) stop.abort();
  };
  channel.onmessage = (event: MessageEvent<Job>) => tell(event.data);
  stop.signal.addEventListener("abort", () => channel.close());
  void follow(jobId, stop.signal, (job) => {
    channel.postMessage(job);
    tell(job);
  });
  return () => stop.abort();
}

async function follow(jobId: string, stopped: AbortSignal, tell: (job: Job) => void): Promise<void> {
  while (!stopped.aborted) {
    await visible(stopped);
    const turn = new AbortController();
    const end = () => turn.abort();
    const hide = () => document.hidden && end();
    stopped.addEventListener("abort", end);
    document.addEventListener("visibilitychange", hide);
    try {
      await navigator.locks.request(`automix.job.${jobId}`, { signal: turn.signal }, () => read(jobId, turn.signal, tell));
    } catch (error) {
      if (stopped.aborted) return;
      if (error instanceof ApiError && (error.status === 403 || error.reason === "SIGNED_OUT")) return;
      if (!turn.signal.aborted) await new Promise((done) => setTimeout(done, AGAIN_MS));
    } finally {
      stopped.removeEventListener("abort", end);
      document.removeEventListener("visibilitychange", hide);
    }
  }
}

async function visible(stopped: AbortSignal): Promise<void> {
  while (document.hidden && !stopped.aborted) {
    await new Promise<void>((done) => {
      document.addEventListener("visibilitychange", () => done(), { once: true });
      stopped.addEventListener("abort", () => done(), { once: true });
    });
  }
}

/** Reads the events of one stream to its end. */
async function read(jobId: string, signal: AbortSignal, tell: (job: Job) => void): Promise<void> {
  const response = await authorized(new Request(`/v1/jobs/${jobId}:watch`, { signal }));
  if (!response.ok || !response.body) {
    tell(await jobs.get(jobId)); // refused for now, as when too many are watched: at least what it is now
    throw new ApiError(response.status, "", "the stream was refused");
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const events = (rest + value).split(/\r?\n\r?\n/);
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      if (!data) continue;
      const { job, result } = JSON.parse(data) as { job?: Job; result?: { job: Job } };
      const now = job ?? result?.job;
      if (now) tell(now);
    }
  }
  await new Promise((done) => setTimeout(done, 200));
}
