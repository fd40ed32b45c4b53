/** The backend's API: its types, and one function a request. */

import { ServerError } from "./errors";
import { API_URL, json, send } from "./http";
import { getToken, renew } from "./session";

export interface Note {
  id: number;
  text: string;
  created_at: string;
}

export interface Info {
  name: string;
  release: string;
  environment: string;
}

export interface Readiness {
  status: string;
  /** For each thing that is needed: `ok`, or what is wrong. */
  checks: Record<string, string>;
  /** How long each service took. */
  milliseconds: Record<string, number>;
}

export const MAX_NOTE_LENGTH = 1000;

/**
 * Send a request as the user who is signed in; with a new token once, should the server not take
 * the old one.
 *
 * @throws ServerError, Unavailable
 */
async function request(method: string, path: string, body?: unknown): Promise<Response> {
  async function attempt(token: string): Promise<Response> {
    const { headers, ...rest } = json(body);
    headers.set("Authorization", `Bearer ${token}`);
    return send(API_URL + path, { method, headers, ...rest });
  }

  let response = await attempt(await getToken());
  if (response.status === 401) response = await attempt(await renew());
  if (!response.ok) throw new ServerError(response.status);
  return response;
}

export async function listNotes(): Promise<Note[]> {
  const response = await request("GET", "/notes");
  return (await response.json()) as Note[];
}

export async function addNote(text: string): Promise<Note> {
  const response = await request("POST", "/notes", { text });
  return (await response.json()) as Note;
}

export async function deleteNote(id: number): Promise<void> {
  await request("DELETE", `/notes/${id}`);
}
