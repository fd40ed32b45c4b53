import { describe, expect, test } from "vitest";

import type { Note } from "./api";
import { applyChange, socketUrl } from "./live";
import { retryDelay } from "./retry";

describe("socketUrl", () => {
  test.each([
    ["/api", "http://localhost:8420/", "ws://localhost:8420/api/ws/notes"],
    ["/api", "https://example.org/deep/page?x", "wss://example.org/api/ws/notes"],
    ["https://api.example.org", "https://example.org/", "wss://api.example.org/ws/notes"],
  ])("beside %s seen from %s", (api, page, expected) => {
    expect(socketUrl(api, page)).toBe(expected);
  });
});

describe("applyChange", () => {
  const [one, two, three] = [1, 2, 3].map((id) => ({ id, text: `${id}`, created_at: "" }));
  if (!one || !two || !three) throw new Error("there are three");

  test("the newest note comes first, in whatever order they arrive", () => {
    const arrived = [two, three, one];
    const notes = arrived.reduce<Note[]>(
      (current, note) => applyChange(current, { type: "added", note }),
      [],
    );
    expect(notes).toEqual([three, two, one]);
  });

  test("a note that is there already, as in the window that wrote it, is not there twice", () => {
    expect(applyChange([two, one], { type: "added", note: one })).toEqual([two, one]);
  });

  test("a deleted note is gone, also when it was gone before", () => {
    expect(applyChange([two, one], { type: "deleted", id: 1 })).toEqual([two]);
    expect(applyChange([two], { type: "deleted", id: 1 })).toEqual([two]);
  });
});

describe("retryDelay", () => {
  test("grows with each failure, up to a limit", () => {
    expect([0, 1, 2, 10].map((failures) => retryDelay(failures, 1))).toEqual([
      500, 1000, 2000, 15_000,
    ]);
  });

  test("spreads the clients over half of it", () => {
    expect(retryDelay(1, 0)).toBe(500);
  });
});
