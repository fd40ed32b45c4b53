import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";

import { NoteForm } from "./NoteForm";
import { NoteList } from "./NoteList";

afterEach(cleanup);

const NOTE = { id: 7, text: "Buy milk", created_at: "2026-01-02T03:04:05Z" };

test("a note shows its text and can be deleted", async () => {
  const onDelete = vi.fn(() => Promise.resolve());
  render(<NoteList notes={[NOTE]} onDelete={onDelete} />);
  expect(screen.getByText("Buy milk")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Delete note: Buy milk" }));
  expect(onDelete).toHaveBeenCalledWith(7);
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Notes" }));
});

test("an empty list says so", () => {
  render(<NoteList notes={[]} onDelete={() => Promise.resolve()} />);
  expect(screen.getByText(/Nothing here yet/)).toBeTruthy();
});

test.each([
  { kept: true, left: "" },
  { kept: false, left: "Buy milk" },
])("the text stays in the form unless the note is kept ($kept)", async ({ kept, left }) => {
  const onAdd = vi.fn(() => Promise.resolve(kept));
  render(<NoteForm onAdd={onAdd} />);
  const text = screen.getByRole<HTMLTextAreaElement>("textbox", { name: "New note" });
  await userEvent.type(text, "Buy milk{Control>}{Enter}{/Control}");
  expect(onAdd).toHaveBeenCalledExactlyOnceWith("Buy milk");
  expect(text.value).toBe(left);
});

test("an empty note cannot be added", async () => {
  render(<NoteForm onAdd={() => Promise.resolve(true)} />);
  await userEvent.type(screen.getByRole("textbox"), "  ");
  expect(screen.getByRole<HTMLButtonElement>("button").disabled).toBe(true);
});
