/** Projects that are deleted as soon as nobody wants them back. */

// A page that is read again may have its list before the deletion has arrived that it left behind.
const KEY = "automix.gone";
const FRESH_MS = 10_000;

interface Left {
  at: number;
  ids: string[];
}

function left(): string[] {
  const { at, ids } = JSON.parse(sessionStorage.getItem(KEY) ?? '{"at":0,"ids":[]}') as Left;
  return Date.now() - at < FRESH_MS ? ids : [];
}

export const gone = $state<{ projects: string[] }>({ projects: left() });

export const hide = (id: string): void => void gone.projects.push(id);
export const show = (id: string): void => void (gone.projects = gone.projects.filter((one) => one !== id));

addEventListener("pagehide", () => {
  const now: Left = { at: Date.now(), ids: gone.projects };
  sessionStorage.setItem(KEY, JSON.stringify(now));
});
