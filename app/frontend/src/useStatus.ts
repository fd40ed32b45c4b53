import { useEffect, useState } from "react";

import type { Info, Readiness } from "./api";
import { API_URL, send } from "./http";
import { pause } from "./retry";

export interface Service {
  name: string;
  what: string;
  state: "ok" | "trouble";
  /** What is wrong; empty when nothing is. */
  problem: string;
  /** null when it does not say. */
  release: string | null;
  /** null when it did not answer. */
  milliseconds: number | null;
}

const EVERY_MS = 5_000;

interface Answer<T> {
  status: number;
  body: T | null;
  milliseconds: number;
}

/** Ask for something and take the time; the status is 0 when no answer came. */
async function probe<T>(url: string): Promise<Answer<T>> {
  const start = performance.now();
  try {
    const response = await send(url, { cache: "no-store" });
    const milliseconds = performance.now() - start;
    const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
    const body = isJson ? ((await response.json()) as T) : null;
    return { status: response.status, body, milliseconds };
  } catch {
    return { status: 0, body: null, milliseconds: 0 };
  }
}

function describe(
  name: string,
  what: string,
  problem: string,
  milliseconds: number | null,
  release: string | null = null,
): Service {
  return { name, what, problem, milliseconds, release, state: problem ? "trouble" : "ok" };
}

/** What the answers say of each service. */
export function readServices(
  page: Answer<unknown>,
  info: Answer<Info>,
  ready: Answer<Readiness>,
  pageRelease: string | null,
): Service[] {
  const { checks = {}, milliseconds = {} } = ready.body ?? {};
  const problemOf = (key: string) => (checks[key] === "ok" ? "" : (checks[key] ?? "unknown"));
  const schema = problemOf("schema") && `schema ${problemOf("schema")}`;
  const answered = (one: Answer<unknown>) =>
    one.status === 200 ? "" : one.status ? `status ${one.status}` : "unreachable";
  const timeOf = (one: Answer<unknown>) => (one.status ? one.milliseconds : null);
  return [
    describe("nginx", "serves this page", answered(page), timeOf(page), pageRelease),
    describe("Backend", "the application", answered(info), timeOf(info), info.body?.release),
    describe(
      "PostgreSQL",
      "keeps the notes",
      problemOf("database") || schema,
      milliseconds.database ?? null,
    ),
    describe("Redis", "cache, limits, live changes", problemOf("redis"), milliseconds.redis ?? null),
  ];
}

/** The services of the stack, asked every few seconds; null until the first answer. */
export function useStatus(): Service[] | null {
  const [services, setServices] = useState<Service[] | null>(null);

  useEffect(() => {
    let ended = false;
    async function watch(): Promise<void> {
      while (!ended) {
        const [page, info, ready] = await Promise.all([
          probe("/health"),
          probe<Info>(`${API_URL}/info`),
          probe<Readiness>(`${API_URL}/health/ready`),
        ]);
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- changes meanwhile
        if (ended) return;
        setServices(readServices(page, info, ready, import.meta.env.VITE_RELEASE || null));
        await pause(EVERY_MS);
      }
    }
    void watch();
    return () => {
      ended = true;
    };
  }, []);

  return services;
}
