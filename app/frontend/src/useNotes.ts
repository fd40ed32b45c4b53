import { useCallback, useEffect, useRef, useState } from "react";

import * as api from "./api";
import { describe } from "./errors";
import { API_URL } from "./http";
import { applyChange, keepConnected, socketUrl, type Change, type Live } from "./live";
import { getToken, renew } from "./session";

const SOCKET_URL = socketUrl(API_URL, window.location.href);

export interface Notes {
  /** The newest first; null until they are loaded. */
  notes: api.Note[] | null;
  /** What went wrong last, for the person at the screen. */
  error: string | null;
  live: Live;
  reload: () => Promise<void>;
  /** Whether the note was kept. */
  add: (text: string) => Promise<boolean>;
  remove: (id: number) => Promise<void>;
}

/** The user's notes on the server, and every change of them as it happens. */
export function useNotes(): Notes {
  const [notes, setNotes] = useState<api.Note[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [live, setLive] = useState<Live>({ state: "connecting" });
  /** What has happened since the list was asked for, and may not be in the answer. */
  const since = useRef<Change[]>([]);

  const attempt = useCallback(async (action: () => Promise<void>): Promise<boolean> => {
    try {
      await action();
      setError(null);
      return true;
    } catch (reason) {
      setError(describe(reason));
      return false;
    }
  }, []);

  const change = useCallback((what: Change) => {
    since.current.push(what);
    setNotes((current) => current && applyChange(current, what));
  }, []);

  const reload = useCallback(async () => {
    const happened: Change[] = [];
    since.current = happened;
    await attempt(async () => {
      const loaded = await api.listNotes();
      // Unless it was asked for anew meanwhile
      if (since.current === happened) setNotes(happened.reduce(applyChange, loaded));
    });
  }, [attempt]);

  useEffect(
    () =>
      keepConnected(SOCKET_URL, {
        getToken,
        onRefused: renew,
        onReady: () => void reload(),
        onChange: change,
        onLive: setLive,
      }),
    [reload, change],
  );

  // At once, and without waiting for the websocket, which some networks do not let through
  useEffect(() => {
    const onFocus = () => void reload();
    onFocus();
    window.addEventListener("focus", onFocus);
    return () => {
      window.removeEventListener("focus", onFocus);
    };
  }, [reload]);

  return {
    notes,
    error,
    live,
    reload,
    add: (text) =>
      attempt(async () => {
        change({ type: "added", note: await api.addNote(text) });
      }),
    remove: async (id) => {
      await attempt(async () => {
        await api.deleteNote(id);
        change({ type: "deleted", id });
      });
    },
  };
}
