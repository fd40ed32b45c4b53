import { useRef, useState, type SubmitEvent } from "react";

import { describe } from "./errors";
import { enterBy } from "./session";

const MIN_PASSWORD_LENGTH = 10;

const TEXTS = {
  login: {
    heading: "Sign in",
    button: "Sign in",
    question: "No account yet?",
    other: "Create one",
  },
  register: {
    heading: "Create an account",
    button: "Create account",
    question: "Have an account?",
    other: "Sign in",
  },
} as const;

/** Asks who somebody is, or wants to be. */
export function SignInPage() {
  const [way, setWay] = useState<"login" | "register">("login");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const nameField = useRef<HTMLInputElement>(null);
  const texts = TEXTS[way];
  const isNew = way === "register";

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return;
    const { name, password } = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    setError(null);
    try {
      await enterBy(way, name as string, password as string);
    } catch (reason) {
      setError(describe(reason));
      setBusy(false);
    }
  }

  function change() {
    setWay(isNew ? "login" : "register");
    setError(null);
    nameField.current?.focus();
  }

  return (
    <form className="card sign-in" aria-labelledby="heading" onSubmit={(e) => void submit(e)}>
      <h1 id="heading">{texts.heading}</h1>
      <div className="field">
        <label htmlFor="name">Name</label>
        <input
          id="name"
          name="name"
          ref={nameField}
          required
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={32}
          pattern="[A-Za-z0-9][A-Za-z0-9._\-]+"
          title="Letters, digits, dots, dashes and underscores; two or more"
          aria-describedby={isNew ? "name-hint" : undefined}
        />
        {isNew && <small id="name-hint">Letters, digits, dots, dashes and underscores</small>}
      </div>
      <div className="field">
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          required
          autoComplete={isNew ? "new-password" : "current-password"}
          minLength={isNew ? MIN_PASSWORD_LENGTH : undefined}
          maxLength={200}
          aria-describedby={isNew ? "password-hint" : undefined}
        />
        {isNew && <small id="password-hint">At least {MIN_PASSWORD_LENGTH} characters</small>}
      </div>
      {error && (
        <p role="alert" className="problem">
          {error}
        </p>
      )}
      <button type="submit" disabled={busy}>
        {texts.button}
      </button>
      <p className="other">
        {texts.question}{" "}
        <button type="button" className="link" onClick={change}>
          {texts.other}
        </button>
      </p>
    </form>
  );
}
