/** The backend's API: its types, and one function a request. */

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

export const MAX_NOTE_LENGTH = 1000;

export const API_URL = import.meta.env.VITE_API_URL.replace(/\/$/, "");
const TIMEOUT_MS = 10_000;

/** Say what a status means to the person at the screen. */
export function describeStatus(status: number): string {
  switch (status) {
    case 404:
      return "It is not there any more.";
    case 422:
      return "The server does not accept this text.";
    case 429:
      return "That was a bit fast. Wait a moment and try again.";
    case 502:
    case 503:
    case 504:
      return "The server is not available right now. Try again in a moment.";
    default:
      return `The server answered with an error (${status}).`;
  }
}

async function request(method: string, path: string, body?: unknown): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(API_URL + path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && {
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      }),
    });
  } catch (cause) {
    throw new Error("The server cannot be reached. Are you online?", { cause });
  }
  if (!response.ok) throw new Error(describeStatus(response.status));
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

export async function countVisit(): Promise<number> {
  const response = await request("POST", "/visits");
  return ((await response.json()) as { count: number }).count;
}

export async function getInfo(): Promise<Info> {
  const response = await request("GET", "/info");
  return (await response.json()) as Info;
}
