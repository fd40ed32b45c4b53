import { use } from "react";

import type { Info } from "./api";

interface Props {
  /** Each is null when the server did not say. */
  visits: Promise<number | null>;
  info: Promise<Info | null>;
}

/** Says which visit this is and what runs on the server. */
export function Footer({ visits, info }: Props) {
  const count = use(visits);
  const server = use(info);
  const facts = [
    count !== null && `Visit ${count.toLocaleString()}`,
    server && `Release ${server.release}`,
    server?.environment,
  ];
  return <footer>{facts.filter(Boolean).join(" · ")}</footer>;
}
