import { LiveIndicator } from "./LiveIndicator";
import { NoteForm } from "./NoteForm";
import { NoteList } from "./NoteList";
import { useNotes } from "./useNotes";

/** The user's notes, and a form for the next one. */
export function NotesPage() {
  const { notes, error, live, reload, add, remove } = useNotes();
  return (
    <>
      <NoteForm onAdd={add} />
      {error && (
        <div role="alert" className="card error">
          <p>{error}</p>
          {notes === null && (
            <button type="button" className="quiet" onClick={() => void reload()}>
              Try again
            </button>
          )}
        </div>
      )}
      <NoteList notes={notes} onDelete={remove}>
        <LiveIndicator live={live} />
      </NoteList>
    </>
  );
}
