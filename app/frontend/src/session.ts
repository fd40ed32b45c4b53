/**
 * Who is signed in.
 *
 * The access token stays in memory, where nothing outlives the page. The refresh token is in a
 * cookie that no script can read; it is good once, so that the windows of a browser take turns.
 */

import { ServerError } from "./errors";
import { API_URL, json, send } from "./http";
import { pause, retryDelay } from "./retry";

export type Session =
  | { state: "unknown" }
  | { state: "out" }
  | { state: "in"; name: string; token: string; expiresAt: number };

interface SignedIn {
  name: string;
  access_token: string;
  expires_in: number;
}

/** In the storage that all windows share: whether to expect the cookie at all. */
const HINT = "signed-in";
/** A token is renewed before it runs out on its way to the server. */
const MARGIN_MS = 30_000;

let session: Session = localStorage.getItem(HINT) ? { state: "unknown" } : { state: "out" };
let renewal: Promise<string> | null = null;
const listeners = new Set<() => void>();

export function getSession(): Session {
  return session;
}

/** Call a function on every change; returns one that ends it. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function become(next: Session): void {
  session = next;
  if (next.state === "in") localStorage.setItem(HINT, next.name);
  if (next.state === "out") localStorage.removeItem(HINT);
  listeners.forEach((listener) => {
    listener();
  });
}

async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  const response = await send(`${API_URL}/auth/${path}`, {
    method: "POST",
    credentials: "include",
    ...options,
  });
  if (!response.ok) throw new ServerError(response.status);
  return response;
}

async function enter(response: Response): Promise<string> {
  const { name, access_token: token, expires_in: seconds } = (await response.json()) as SignedIn;
  become({ state: "in", name, token, expiresAt: Date.now() + seconds * 1000 });
  return token;
}

const EXPLANATIONS = {
  register: { 409: "This name is taken. Choose another one, or sign in." },
  login: { 401: "Name or password is wrong." },
} as const;

/**
 * Sign up (`register`) or in (`login`).
 *
 * @throws ServerError, Unavailable
 */
export async function enterBy(
  way: "register" | "login",
  name: string,
  password: string,
): Promise<void> {
  try {
    await enter(await ask(way, json({ name, password })));
  } catch (reason) {
    if (!(reason instanceof ServerError)) throw reason;
    const explanations: Partial<Record<number, string>> = EXPLANATIONS[way];
    throw new ServerError(reason.status, explanations[reason.status]);
  }
}

/**
 * Sign out here and in all windows of this browser.
 *
 * @throws ServerError, Unavailable: the cookie is still good, so nobody should believe otherwise
 */
export async function signOut(): Promise<void> {
  await ask("logout");
  become({ state: "out" });
}

/** An access token that is good for a while yet. */
export async function getToken(): Promise<string> {
  if (session.state === "in" && session.expiresAt - Date.now() > MARGIN_MS) return session.token;
  return renew();
}

/**
 * Trade the cookie for a new access token; whoever asks meanwhile gets the same.
 *
 * @throws ServerError with 401 when nobody is signed in any more
 */
export function renew(): Promise<string> {
  renewal ??= takeTurns(trade).finally(() => {
    renewal = null;
  });
  return renewal;
}

async function trade(): Promise<string> {
  try {
    // The answer brings the next cookie, and is to arrive even if the page is left meanwhile.
    return await enter(await ask("refresh", { keepalive: true }));
  } catch (reason) {
    if (reason instanceof ServerError && reason.status === 401) become({ state: "out" });
    throw reason;
  }
}

/** Let one window at a time do something, where the browser knows locks (it wants HTTPS for it). */
async function takeTurns<T>(action: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks ? locks.request("renew", action) : action();
}

/** Find out who is signed in, however long the server is away. */
async function restore(): Promise<void> {
  for (let failures = 0; session.state === "unknown"; failures += 1) {
    try {
      await renew();
    } catch {
      await pause(retryDelay(failures, Math.random()));
    }
  }
}

// Another window signed in or out.
window.addEventListener("storage", ({ key, newValue }) => {
  if (key !== HINT) return;
  if (newValue === null) become({ state: "out" });
  else if (session.state === "out") {
    become({ state: "unknown" });
    void restore();
  }
});

void restore();
