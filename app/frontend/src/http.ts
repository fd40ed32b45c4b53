/** Requests, whoever sends them. */

import { Unavailable } from "./errors";

export const API_URL = import.meta.env.VITE_API_URL.replace(/\/$/, "");
const TIMEOUT_MS = 10_000;

/**
 * Send a request and return the answer, whatever it is.
 *
 * @throws Unavailable when none comes
 */
export async function send(url: string, options: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  } catch (cause) {
    throw new Unavailable({ cause });
  }
}

/** What a request needs to carry data, if there is any. */
export function json(data?: unknown): { headers: Headers; body?: string } {
  if (data === undefined) return { headers: new Headers() };
  return {
    headers: new Headers({ "Content-Type": "application/json" }),
    body: JSON.stringify(data),
  };
}
