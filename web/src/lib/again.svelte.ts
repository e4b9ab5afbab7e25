/** A mix made anew by a plan: asked for, followed, and told of when it is there. */
import { jobs, type Job } from "./api";
import { sentence } from "./errors";
import { delivered } from "./settings";
import { say } from "./toasts.svelte";
import { hasEnded, watch } from "./watch.svelte";

export class Again {
  job = $state<Job | null>(null);
  private stop = () => {};

  constructor(private readonly ready: (renderId: string) => void) {}

  get busy(): boolean {
    return this.job !== null && !hasEnded(this.job);
  }

  /** Whether there is anything to say of it: a success has been told. */
  get shown(): boolean {
    return this.job !== null && this.job.status !== "JOB_STATUS_SUCCEEDED";
  }

  /** Asks for a mix of what `origin` mixed, with its files, by the plan. */
  async ask(origin: Job, plan: string): Promise<void> {
    const inputs = (origin.inputs ?? []).map(({ asset_id, role }) => ({ asset_id, role }));
    const wanted = { inputs, settings: delivered(origin.settings ?? {}), plan_json: plan };
    try {
      this.follow(await jobs.create(origin.project_id, wanted));
    } catch (error) {
      say(sentence(error), "failed");
    }
  }

  /** The job is another one now, as when it was tried again. */
  follow = (job: Job): void => {
    this.stop();
    this.job = job;
    if (!hasEnded(job)) this.stop = watch(job.id, this.heard);
  };

  private heard = (job: Job): void => {
    this.job = job;
    if (!hasEnded(job)) return;
    this.stop();
    if (job.status === "JOB_STATUS_SUCCEEDED" && job.render_id) this.ready(job.render_id);
  };

  close(): void {
    this.stop();
  }
}
