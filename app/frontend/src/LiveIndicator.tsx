import { useEffect, useState } from "react";

import { keepConnected, type Live } from "./live";

const LABELS = { connecting: "Connecting", live: "Live", lost: "Reconnecting" } as const;

/** Shows whether the websocket is open, and how long an echo takes. */
export function LiveIndicator({ url }: { url: string }) {
  const [live, setLive] = useState<Live>({ state: "connecting" });
  useEffect(() => keepConnected(url, setLive), [url]);

  return (
    <p className="live" data-state={live.state}>
      <span role="status">{LABELS[live.state]}</span>
      {live.state === "live" && <small> {Math.max(1, Math.round(live.latencyMs))} ms</small>}
    </p>
  );
}
