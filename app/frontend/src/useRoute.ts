import { useSyncExternalStore, type MouseEvent } from "react";

const MOVED = "moved";

function subscribe(listener: () => void): () => void {
  window.addEventListener("popstate", listener);
  window.addEventListener(MOVED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(MOVED, listener);
  };
}

/** The path of the page. */
export function useRoute(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

/** What a link inside the page does when clicked; one for another window is left to the browser. */
export function follow(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  window.history.pushState(null, "", event.currentTarget.href);
  window.dispatchEvent(new Event(MOVED));
}
