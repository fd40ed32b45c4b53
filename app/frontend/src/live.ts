/** A websocket that is kept open: it asks for an echo now and then, and connects anew when lost. */

export type Live =
  { state: "connecting" } | { state: "live"; latencyMs: number } | { state: "lost" };

const BEAT_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** Where the websocket is, beside an API that may be a path or a whole URL. */
export function socketUrl(apiUrl: string, page: string): string {
  const url = new URL(`${apiUrl}/ws/echo`, page);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/**
 * How long to wait before the next try: longer after each failure, and never the same for all
 * clients, which would come back all at once.
 *
 * @param failures how many tries failed so far
 * @param random a number from 0 to 1
 * @returns milliseconds
 */
export function retryDelay(failures: number, random: number): number {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS);
  return longest * (0.5 + random / 2);
}

/** Keep a connection open and report how it is; returns a function that ends it. */
export function keepConnected(url: string, report: (live: Live) => void): () => void {
  let failures = 0;
  let beat: ReturnType<typeof setInterval> | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket;

  function open(): void {
    let answered = true;
    socket = new WebSocket(url);

    function askForEcho(): void {
      if (!answered) {
        socket.close();
        return;
      }
      answered = false;
      socket.send(String(performance.now()));
    }

    socket.onopen = () => {
      askForEcho();
      beat = setInterval(askForEcho, BEAT_MS);
    };
    socket.onmessage = ({ data }) => {
      answered = true;
      failures = 0;
      report({ state: "live", latencyMs: performance.now() - Number(data) });
    };
    socket.onclose = () => {
      clearInterval(beat);
      report({ state: "lost" });
      retry = setTimeout(open, retryDelay(failures, Math.random()));
      failures += 1;
    };
  }

  open();
  return () => {
    clearInterval(beat);
    clearTimeout(retry);
    socket.onclose = null;
    socket.close();
  };
}
