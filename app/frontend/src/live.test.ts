import { describe, expect, test } from "vitest";

import { retryDelay, socketUrl } from "./live";

describe("socketUrl", () => {
  test.each([
    ["/api", "http://localhost:8420/", "ws://localhost:8420/api/ws/echo"],
    ["/api", "https://example.org/deep/page?x", "wss://example.org/api/ws/echo"],
    ["https://api.example.org", "https://example.org/", "wss://api.example.org/ws/echo"],
  ])("beside %s seen from %s", (api, page, expected) => {
    expect(socketUrl(api, page)).toBe(expected);
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
