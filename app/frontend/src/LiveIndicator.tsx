import type { Live } from "./live";

const LABELS = { connecting: "Connecting", live: "Live", lost: "Reconnecting" } as const;

/** Shows whether changes arrive as they happen, and how long the server takes to answer. */
export function LiveIndicator({ live }: { live: Live }) {
  return (
    <p className="live" data-state={live.state}>
      <span role="status">{LABELS[live.state]}</span>
      {live.state === "live" && live.latencyMs !== null && (
        <small> {Math.max(1, Math.round(live.latencyMs))} ms</small>
      )}
    </p>
  );
}
