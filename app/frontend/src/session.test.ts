import { beforeEach, expect, test, vi } from "vitest";

const SIGNED_IN = { name: "ada", access_token: "t1", expires_in: 900 };

/** What the server answers, in this order; and what it was asked. */
function serve(...answers: (Response | Error)[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string, options: RequestInit) => {
    asked.push(`${options.method ?? "GET"} ${url}`);
    const answer = answers.shift() ?? new Error("nothing was expected to be asked");
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  });
  return asked;
}

async function load() {
  vi.resetModules();
  return { ...(await import("./session")), ...(await import("./api")) };
}

beforeEach(() => {
  localStorage.clear();
});

test("without a sign that somebody is signed in, nothing is asked", async () => {
  const asked = serve();
  const { getSession } = await load();
  expect(getSession().state).toBe("out");
  expect(asked).toEqual([]);
});

test("a window that is opened again is signed in by its cookie", async () => {
  localStorage.setItem("signed-in", "ada");
  const asked = serve(Response.json(SIGNED_IN));
  const { getSession } = await load();
  await vi.waitFor(() => {
    expect(getSession().state).toBe("in");
  });
  expect(asked).toEqual(["POST /api/auth/refresh"]);
});

test("while the server is away, nobody is signed out", async () => {
  localStorage.setItem("signed-in", "ada");
  serve(new TypeError("offline"), new Response("", { status: 429 }), Response.json(SIGNED_IN));
  const { getSession } = await load();
  expect(getSession().state).toBe("unknown");
  await vi.waitFor(
    () => {
      expect(getSession().state).toBe("in");
    },
    { timeout: 3000 },
  );
});

test("requests that come at once with an old token share a new one", async () => {
  serve(Response.json(SIGNED_IN));
  const { enterBy, listNotes } = await load();
  await enterBy("login", "ada", "correct horse battery");
  const refused = () => new Response("", { status: 401 });
  const asked = serve(
    refused(),
    refused(),
    Response.json({ ...SIGNED_IN, access_token: "t2" }),
    Response.json([]),
    Response.json([]),
  );
  await Promise.all([listNotes(), listNotes()]);
  expect(asked.filter((one) => one.endsWith("refresh"))).toHaveLength(1);
});

test("a sign-in that the server has ended is over", async () => {
  serve(Response.json(SIGNED_IN));
  const { enterBy, getSession, renew } = await load();
  await enterBy("login", "ada", "correct horse battery");
  serve(new Response("", { status: 401 }));
  await expect(renew()).rejects.toThrow("Sign in again");
  expect(getSession().state).toBe("out");
  expect(localStorage.getItem("signed-in")).toBeNull();
});

test("who cannot be signed out stays signed in, and is told", async () => {
  serve(Response.json(SIGNED_IN));
  const { enterBy, getSession, signOut } = await load();
  await enterBy("login", "ada", "correct horse battery");
  serve(new TypeError("offline"));
  await expect(signOut()).rejects.toThrow("cannot be reached");
  expect(getSession().state).toBe("in");
});
