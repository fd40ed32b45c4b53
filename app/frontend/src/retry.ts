/** How long to wait for a server that is away. */

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

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

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
