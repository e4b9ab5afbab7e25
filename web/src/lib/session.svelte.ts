/**
 * Who is signed in. The access token is in memory alone; the refresh token is kept in the browser, and is exchanged
 * under a lock that all tabs share, because each is good for one exchange and a second use ends the sign-in.
 */
import { ApiError, away, refusal } from "./errors";

const KEY = "automix.session";
const LOCK = "automix.session";
const AHEAD_MS = 30_000;
const LOCAL = "@automix.local";
const LINK = "#sign-in=";

interface Tokens {
  access_token: string;
  access_expires_at: string;
  refresh_token: string;
}

interface Kept {
  email: string;
  refresh: string;
}

interface Account {
  email: string;
  /** Made by the stack of this machine: nobody knows its password. */
  isLocal: boolean;
}

export const session = $state<{ account: Account | null; ended: boolean }>({ account: null, ended: false });

let access = "";
let expires = 0;

function kept(): Kept | null {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "null") as Kept | null;
    return found?.refresh ? found : null;
  } catch {
    return null;
  }
}

function keep(email: string, tokens: Tokens): void {
  access = tokens.access_token;
  expires = Date.parse(tokens.access_expires_at);
  localStorage.setItem(KEY, JSON.stringify({ email, refresh: tokens.refresh_token } satisfies Kept));
  session.account = { email, isLocal: email.endsWith(LOCAL) };
  session.ended = false;
}

function forget(ended: boolean): void {
  access = "";
  expires = 0;
  session.account = null;
  session.ended = ended;
}

async function ask<T>(path: string, body?: unknown, token?: string): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw away();
  }
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw refusal(response.status, answer, response.headers);
  return answer as T;
}

/** Reads what is kept, and takes a sign-in link of this machine's stack, before the first page is shown. */
export async function begin(): Promise<void> {
  const linked = location.hash.startsWith(LINK) ? location.hash.slice(LINK.length) : "";
  if (linked) history.replaceState(null, "", location.pathname + location.search);
  const known = kept();
  if (known) {
    session.account = { email: known.email, isLocal: known.email.endsWith(LOCAL) };
    if (!linked) return;
    // A link to a stack that was made anew: what is kept may be of the one before.
    const works = await token().then(() => true, (error: unknown) => !(error instanceof ApiError && error.status === 401));
    if (works) return;
  }
  if (linked && isThisMachine()) await takeLink(linked);
}

/** Elsewhere a link could sign somebody into an account that is not theirs, and take what they upload. */
function isThisMachine(): boolean {
  return ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
}

async function takeLink(refresh: string): Promise<void> {
  try {
    const { tokens } = await ask<{ tokens: Tokens }>("/v1/auth:refreshToken", { refresh_token: refresh });
    const { user } = await ask<{ user: { email: string } }>("/v1/users/me", undefined, tokens.access_token);
    keep(user.email, tokens);
  } catch {
    forget(true); // the link was used before: the page for signing in says what to do
  }
}

/** An access token that is good for a while; one that a service has refused is not given again. */
export async function token(refused = ""): Promise<string> {
  const good = () => access && access !== refused && Date.now() < expires - AHEAD_MS;
  if (good()) return access;
  return navigator.locks.request(LOCK, async () => {
    if (good()) return access;
    const known = kept();
    if (!known) {
      forget(false);
      throw new ApiError(401, "SIGNED_OUT", "You are signed out.");
    }
    try {
      const { tokens } = await ask<{ tokens: Tokens }>("/v1/auth:refreshToken", { refresh_token: known.refresh });
      keep(known.email, tokens);
      return access;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        localStorage.removeItem(KEY);
        forget(true);
      }
      throw error;
    }
  });
}

async function enter(path: string, email: string, password: string): Promise<void> {
  const answer = await ask<{ user: { email: string }; tokens: Tokens }>(path, { email, password });
  keep(answer.user.email, answer.tokens);
}

export const signIn = (email: string, password: string) => enter("/v1/auth:signIn", email, password);
export const signUp = (email: string, password: string) => enter("/v1/auth:signUp", email, password);

export async function signOut(): Promise<void> {
  const known = kept();
  localStorage.removeItem(KEY);
  forget(false);
  if (known) await ask("/v1/auth:signOut", { refresh_token: known.refresh }).catch(() => undefined);
}

export async function changePassword(current: string, next: string): Promise<void> {
  const bearer = await token();
  const body = { current_password: current, new_password: next };
  const { tokens } = await ask<{ tokens: Tokens }>("/v1/users/me:changePassword", body, bearer);
  keep(session.account?.email ?? "", tokens);
}

export async function deleteAccount(password: string): Promise<void> {
  await ask("/v1/users/me:delete", { password }, await token());
  localStorage.removeItem(KEY);
  forget(false);
}

// Another tab has signed in, out, or into another account.
addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  const known = kept();
  if (!known) forget(false);
  else if (known.email !== session.account?.email) {
    access = "";
    session.account = { email: known.email, isLocal: known.email.endsWith(LOCAL) };
    session.ended = false;
  }
});
