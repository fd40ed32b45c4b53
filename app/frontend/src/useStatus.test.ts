import { describe, expect, test } from "vitest";

import { readServices } from "./useStatus";

const PAGE = { status: 200, body: null, milliseconds: 3 };
const INFO = {
  status: 200,
  body: { name: "app", release: "r1", environment: "production" },
  milliseconds: 9,
};
const READY = {
  status: 200,
  body: {
    status: "ready",
    checks: { database: "ok", schema: "ok", redis: "ok" },
    milliseconds: { database: 1.5, redis: 0.5 },
  },
  milliseconds: 9,
};
const NO_ANSWER = { status: 0, body: null, milliseconds: 0 };

describe("readServices", () => {
  test("names release and latency of what works", () => {
    const services = readServices(PAGE, INFO, READY, "p1");
    expect(services.map(({ name, problem, release, milliseconds }) => ({ name, problem, release, milliseconds }))).toEqual([
      { name: "nginx", problem: "", release: "p1", milliseconds: 3 },
      { name: "Backend", problem: "", release: "r1", milliseconds: 9 },
      { name: "PostgreSQL", problem: "", release: null, milliseconds: 1.5 },
      { name: "Redis", problem: "", release: null, milliseconds: 0.5 },
    ]);
  });

  test("tells a database that is away from a schema that is behind", () => {
    const body = (database: string, schema: string) => ({
      ...READY,
      status: 503,
      body: { ...READY.body, checks: { database, schema, redis: "ok" } },
    });
    const problems = [body("unreachable", "unknown"), body("ok", "behind")].map(
      (ready) => readServices(PAGE, INFO, ready, null)[2]?.problem,
    );
    expect(problems).toEqual(["unreachable", "schema behind"]);
  });

  test("without the backend, what is behind it is unknown", () => {
    const gone = { status: 502, body: null, milliseconds: 2 };
    expect(readServices(PAGE, gone, gone, null).map(({ problem }) => problem)).toEqual([
      "",
      "status 502",
      "unknown",
      "unknown",
    ]);
  });

  test("without an answer there is no latency", () => {
    const services = readServices(NO_ANSWER, NO_ANSWER, NO_ANSWER, null);
    expect(services.map(({ milliseconds }) => milliseconds)).toEqual([null, null, null, null]);
    expect(services[0]?.problem).toBe("unreachable");
  });
});
