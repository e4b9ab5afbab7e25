/** Whether AutoMix answers. When it does again, `epoch` changes, and what is shown is read anew. */

export const connection = $state({ isLost: false, epoch: 0 });

const READY = "/readyz";
let timer: ReturnType<typeof setTimeout> | undefined;

/** A call found nobody. */
export function lost(): void {
  connection.isLost = true;
  timer ??= setTimeout(look, 1000);
}

async function look(): Promise<void> {
  timer = undefined;
  const response = await fetch(READY, { cache: "no-store" }).catch(() => null);
  if (!response?.ok) return lost();
  connection.isLost = false;
  connection.epoch += 1;
}

addEventListener("online", () => connection.isLost && void look());
