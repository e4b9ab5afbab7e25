/** Short words at the edge of the page, some with a way back. */

export interface Toast {
  id: number;
  text: string;
  kind: "said" | "failed";
  undo?: () => void;
}

const SECONDS = 7;

export const toasts = $state<{ all: Toast[] }>({ all: [] });
let last = 0;
const waiting = new Map<number, () => void>();

export function say(text: string, kind: Toast["kind"] = "said"): void {
  const id = ++last;
  toasts.all.push({ id, text, kind });
  setTimeout(() => dismiss(id), SECONDS * 1000);
}

export function dismiss(id: number): void {
  toasts.all = toasts.all.filter((one) => one.id !== id);
}

/** Does something after a while in which it can be called back. A page that is left does it at once. */
export function soon(text: string, act: () => void, undo: () => void): void {
  const id = ++last;
  const end = (then: () => void) => () => {
    if (!waiting.delete(id)) return;
    clearTimeout(timer);
    dismiss(id);
    then();
  };
  const timer = setTimeout(end(act), SECONDS * 1000);
  waiting.set(id, end(act));
  toasts.all.push({ id, text, kind: "said", undo: end(undo) });
}

addEventListener("pagehide", () => [...waiting.values()].forEach((act) => act()));
