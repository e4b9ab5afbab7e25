/** Plays one uploaded file at a time, for a check before the mix. */
import { assets } from "./api";
import { sentence } from "./errors";
import { say } from "./toasts.svelte";

class Preview {
  id = $state("");
  playing = $state(false);
  position = $state(0);
  private element: HTMLAudioElement | null = null;
  private frame = 0;

  async toggle(assetId: string): Promise<void> {
    if (this.id === assetId && this.element) {
      if (this.playing) this.element.pause();
      else await this.element.play().catch(() => this.fail());
      return;
    }
    await this.load(assetId, 0);
  }

  seek(assetId: string, seconds: number): void {
    if (this.id === assetId && this.element) this.element.currentTime = seconds;
    else void this.load(assetId, seconds);
  }

  stop(): void {
    this.element?.pause();
    this.element?.removeAttribute("src");
    this.element = null;
    this.id = "";
    this.playing = false;
    cancelAnimationFrame(this.frame);
  }

  private async load(assetId: string, at: number): Promise<void> {
    this.stop();
    // Made in the tap's own handler: on some phones only such an element may begin to play later.
    const element = new Audio();
    this.element = element;
    this.id = assetId;
    this.position = at;
    element.onplay = () => {
      this.playing = true;
      const draw = () => {
        this.position = element.currentTime;
        this.frame = requestAnimationFrame(draw);
      };
      draw();
    };
    element.onpause = () => {
      this.playing = false;
      cancelAnimationFrame(this.frame);
    };
    try {
      const url = await assets.url(assetId);
      if (this.element !== element) return;
      element.src = url;
      element.currentTime = at;
      await element.play();
    } catch (error) {
      if (this.element !== element || (error as Error).name === "AbortError") return;
      if (error instanceof DOMException) this.fail();
      else say(sentence(error), "failed");
      this.stop();
    }
  }

  private fail(): void {
    say("This browser cannot play this kind of file. It is mixed all the same.", "failed");
  }
}

export const preview = new Preview();
