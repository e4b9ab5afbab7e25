import { tick } from "svelte";

/** Shows a job that was just asked for, wherever on the page somebody was. */
export async function showJob(): Promise<void> {
  await tick();
  document.querySelector(".job")?.scrollIntoView({ behavior: "smooth", block: "center" });
}
