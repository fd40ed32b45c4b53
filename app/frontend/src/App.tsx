import { useEffect, useState, useSyncExternalStore } from "react";

import { describe } from "./errors";
import { NotesPage } from "./NotesPage";
import { getSession, signOut, subscribe } from "./session";
import { SignInPage } from "./SignInPage";
import { StatusPage } from "./StatusPage";
import { follow, useRoute } from "./useRoute";

const TITLE = import.meta.env.VITE_APP_TITLE;
const PAGES = [
  ["/", "Notes"],
  ["/status", "Status"],
] as const;

/** The page: who is signed in, where one can go, and what is there. */
export function App() {
  const session = useSyncExternalStore(subscribe, getSession);
  const [problem, setProblem] = useState<string | null>(null);
  const route = useRoute() === "/status" ? "/status" : "/";

  useEffect(() => {
    document.title = route === "/status" ? `Status · ${TITLE}` : TITLE;
  }, [route]);

  async function leave() {
    try {
      await signOut();
      setProblem(null);
    } catch (reason) {
      setProblem(describe(reason));
    }
  }

  return (
    <>
      <header>
        <a className="title" href="/" onClick={follow}>
          {TITLE}
        </a>
        <nav aria-label="Pages">
          {PAGES.map(([path, name]) => (
            <a
              key={path}
              href={path}
              onClick={follow}
              aria-current={route === path ? "page" : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
        {session.state === "in" && (
          <div className="user">
            <span className="name">{session.name}</span>
            <button type="button" className="quiet" onClick={() => void leave()}>
              Sign out
            </button>
          </div>
        )}
      </header>
      <main>
        {problem && (
          <p role="alert" className="card error">
            {problem}
          </p>
        )}
        {route === "/status" ? (
          <StatusPage />
        ) : session.state === "in" ? (
          <NotesPage key={session.name} />
        ) : session.state === "out" ? (
          <SignInPage />
        ) : (
          <p role="status" className="empty">
            Connecting to the server …
          </p>
        )}
      </main>
    </>
  );
}
