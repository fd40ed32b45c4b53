/** What can go wrong, in words for the person at the screen. */

/** Say what a status means. */
export function describeStatus(status: number): string {
  switch (status) {
    case 401:
      return "Sign in again, please.";
    case 404:
      return "It is not there any more.";
    case 422:
      return "The server does not accept this text.";
    case 429:
      return "That was a bit fast. Wait a moment and try again.";
    case 502:
    case 503:
    case 504:
      return "The server is not available right now. Try again in a moment.";
    default:
      return `The server answered with an error (${status}).`;
  }
}

/** The server answered, but not what was hoped for. */
export class ServerError extends Error {
  override name = "ServerError";
  readonly status: number;

  constructor(status: number, message = describeStatus(status)) {
    super(message);
    this.status = status;
  }
}

/** The server did not answer. */
export class Unavailable extends Error {
  override name = "Unavailable";

  constructor(options?: ErrorOptions) {
    super("The server cannot be reached. Are you online?", options);
  }
}

export function describe(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
