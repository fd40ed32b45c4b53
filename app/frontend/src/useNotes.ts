import { useCallback, useEffect, useState } from "react";

import * as api from "./api";

interface Notes {
  /** The newest first; null until they are loaded. */
  notes: api.Note[] | null;
  /** What went wrong last, for the person at the screen. */
  error: string | null;
  reload: () => Promise<void>;
  /** Whether the note was kept. */
  add: (text: string) => Promise<boolean>;
  remove: (id: number) => Promise<void>;
}

/** The notes on the server; they are loaded again whenever the window gets the focus. */
export function useNotes(): Notes {
  const [notes, setNotes] = useState<api.Note[] | null>(null);
  const [error, setError] = useState<string | null>(null);

  const attempt = useCallback(async (action: () => Promise<void>): Promise<boolean> => {
    try {
      await action();
      setError(null);
      return true;
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
      return false;
    }
  }, []);

  const reload = useCallback(async () => {
    await attempt(async () => {
      setNotes(await api.listNotes());
    });
  }, [attempt]);

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
    reload,
    add: (text) =>
      attempt(async () => {
        const note = await api.addNote(text);
        setNotes((current) => [note, ...(current ?? [])]);
      }),
    remove: async (id) => {
      await attempt(async () => {
        await api.deleteNote(id);
        setNotes((current) => current?.filter((note) => note.id !== id) ?? null);
      });
    },
  };
}
