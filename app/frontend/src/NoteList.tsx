import { useRef, type ReactNode } from "react";

import type { Note } from "./api";

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

interface Props {
  /** null while they are being loaded. */
  notes: Note[] | null;
  onDelete: (id: number) => Promise<void>;
  /** What stands beside the heading. */
  children?: ReactNode;
}

/** Shows the notes, each with a button that deletes it. */
export function NoteList({ notes, onDelete, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);

  async function remove(id: number) {
    await onDelete(id);
    // The button that had the focus is gone.
    heading.current?.focus();
  }

  return (
    <section aria-labelledby="notes" aria-busy={notes === null}>
      <div className="row">
        <h1 id="notes" ref={heading} tabIndex={-1}>
          Notes
        </h1>
        {children}
      </div>
      {notes?.length === 0 && (
        <p className="empty">Nothing here yet. Write the first note above.</p>
      )}
      <ul>
        {notes?.map((note) => (
          <li key={note.id} className="card">
            <p className="text">{note.text}</p>
            <time dateTime={note.created_at}>{DATE.format(new Date(note.created_at))}</time>
            <button
              type="button"
              className="quiet"
              aria-label={`Delete note: ${note.text}`}
              onClick={() => void remove(note.id)}
            >
              Delete
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
