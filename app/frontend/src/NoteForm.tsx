import { useState, type KeyboardEvent, type SubmitEvent } from "react";

import { MAX_NOTE_LENGTH } from "./api";

/** Asks for a note; its text stays until the note is kept. */
export function NoteForm({ onAdd }: { onAdd: (text: string) => Promise<boolean> }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const empty = text.trim() === "";

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    if (empty || busy) return;
    setBusy(true);
    const kept = await onAdd(text);
    setBusy(false);
    // What was typed in the meantime stays.
    if (kept) setText((current) => (current === text ? "" : current));
  }

  function submitOnCtrlEnter(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.currentTarget.form?.requestSubmit();
    }
  }

  return (
    <form className="card" onSubmit={(event) => void submit(event)}>
      <label htmlFor="text">New note</label>
      <textarea
        id="text"
        rows={2}
        maxLength={MAX_NOTE_LENGTH}
        placeholder="What do you want to remember?"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
        }}
        onKeyDown={submitOnCtrlEnter}
      />
      <button type="submit" disabled={empty || busy}>
        Add note
      </button>
    </form>
  );
}
