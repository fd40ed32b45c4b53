/** A websocket that is kept open: it tells of changes as they happen, and connects anew when lost. */

import type { Note } from "./api";
import { retryDelay } from "./retry";

export type Live =
  { state: "connecting" } | { state: "live"; latencyMs: number | null } | { state: "lost" };

export type Change = { type: "added"; note: Note } | { type: "deleted"; id: number };

/** `ready`: from now on nothing is missed, so load what there is. */
type Message = Change | { type: "ready" } | { type: "pong" };

interface Handlers {
  /** An access token. */
  getToken: () => Promise<string>;
  /** Called when the server does not take the token. */
  onRefused: () => Promise<unknown>;
  onReady: () => void;
  onChange: (change: Change) => void;
  onLive: (live: Live) => void;
}

const BEAT_MS = 10_000;
const UNAUTHORIZED = 4401;

/** Where the websocket is, beside an API that may be a path or a whole URL. */
export function socketUrl(apiUrl: string, page: string): string {
  const url = new URL(`${apiUrl}/ws/notes`, page);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** The notes after a change, the newest first. */
export function applyChange(notes: Note[], change: Change): Note[] {
  if (change.type === "deleted") return notes.filter((note) => note.id !== change.id);
  if (notes.some((note) => note.id === change.note.id)) return notes;
  return [change.note, ...notes].sort((one, other) => other.id - one.id);
}

/** Keep a connection open; returns a function that ends it. */
export function keepConnected(url: string, handlers: Handlers): () => void {
  let ended = false;
  let failures = 0;
  let askedAt: number | null = null;
  let beat: ReturnType<typeof setInterval> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket | undefined;

  /** Ask for a sign of life; without one since the last time, the connection is dead. */
  function ask(): void {
    if (askedAt !== null) {
      socket?.close();
      return;
    }
    askedAt = performance.now();
    socket?.send("still there?");
  }

  function hear(message: Message): void {
    switch (message.type) {
      case "ready":
        failures = 0;
        handlers.onLive({ state: "live", latencyMs: null });
        handlers.onReady();
        ask();
        break;
      case "pong":
        handlers.onLive({ state: "live", latencyMs: performance.now() - (askedAt ?? 0) });
        askedAt = null;
        break;
      default:
        handlers.onChange(message);
    }
  }

  function tryAgain(): void {
    if (ended) return;
    handlers.onLive({ state: "lost" });
    clearTimeout(retry);
    retry = setTimeout(() => void open(), retryDelay(failures, Math.random()));
    failures += 1;
  }

  async function open(): Promise<void> {
    let token: string;
    try {
      token = await handlers.getToken();
    } catch {
      tryAgain();
      return;
    }
    if (ended) return;
    askedAt = null;
    socket = new WebSocket(url);
    socket.onopen = () => {
      socket?.send(token);
      beat = setInterval(ask, BEAT_MS);
    };
    socket.onmessage = ({ data }) => {
      hear(JSON.parse(String(data)) as Message);
    };
    socket.onclose = ({ code }) => {
      clearInterval(beat);
      if (code === UNAUTHORIZED) void handlers.onRefused().catch(() => null).then(tryAgain);
      else tryAgain();
    };
  }

  function comeBack(): void {
    if (socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(retry);
    failures = 0;
    retry = setTimeout(() => void open(), 0);
  }

  window.addEventListener("online", comeBack);
  void open();
  return () => {
    ended = true;
    window.removeEventListener("online", comeBack);
    clearInterval(beat);
    clearTimeout(retry);
    if (socket) socket.onclose = null;
    socket?.close();
  };
}
