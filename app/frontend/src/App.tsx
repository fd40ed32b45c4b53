import { Suspense, type ComponentProps } from "react";

import { API_URL } from "./api";
import { Footer } from "./Footer";
import { socketUrl } from "./live";
import { LiveIndicator } from "./LiveIndicator";
import { NoteForm } from "./NoteForm";
import { NoteList } from "./NoteList";
import { useNotes } from "./useNotes";

const SOCKET_URL = socketUrl(API_URL, window.location.href);

export function App({ visits, info }: ComponentProps<typeof Footer>) {
  const { notes, error, reload, add, remove } = useNotes();
  return (
    <>
      <header>
        <h1>{import.meta.env.VITE_APP_TITLE}</h1>
        <LiveIndicator url={SOCKET_URL} />
      </header>
      <main>
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
        <NoteList notes={notes} onDelete={remove} />
      </main>
      <Suspense fallback={<footer />}>
        <Footer visits={visits} info={info} />
      </Suspense>
    </>
  );
}
