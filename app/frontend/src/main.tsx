import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { countVisit, getInfo } from "./api";
import { App } from "./App";
import "./style.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

// Once a page, however often React renders it.
const visits = countVisit().catch(() => null);
const info = getInfo().catch(() => null);

createRoot(root).render(
  <StrictMode>
    <App visits={visits} info={info} />
  </StrictMode>,
);
