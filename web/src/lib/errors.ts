/** What a call was refused with, and how a person is told. */

interface Detail {
  "@type": string;
  reason?: string;
  field_violations?: { field: string; description: string }[];
  retry_delay?: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    readonly retrySeconds?: number,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Nothing was wrong with the call: nobody was there to take it. */
  get isAway(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

export function away(): ApiError {
  return new ApiError(0, "AWAY", "AutoMix does not answer. Check the connection; this goes on by itself.");
}

/** The refusal in an answer's body, which is a google.rpc.Status. */
export function refusal(status: number, body: unknown, headers: Headers): ApiError {
  const { message = "", details = [] } = (body ?? {}) as { message?: string; details?: Detail[] };
  const reason = details.find((one) => one["@type"].endsWith("ErrorInfo"));
  const violated = details.flatMap((one) => one.field_violations ?? []);
  // An address with a part that is no id was mistyped.
  const mistyped = violated.some((one) => /^\w+_id$/.test(one.field));
  const retry = Number(headers.get("retry-after"));
  const text = violated.length ? violated.map((one) => `${one.field}: ${one.description}`).join("; ") : message;
  return new ApiError(status, mistyped ? "NOT_YOURS" : (reason?.reason ?? ""), text, retry > 0 ? retry : undefined);
}

const SENTENCES: Record<string, string> = {
  INVALID_CREDENTIALS: "That email and password do not belong together.",
  EMAIL_TAKEN: "There is an account with this email already: sign in instead.",
  INVALID_EMAIL: "That is no email address, such as name@example.org.",
  HASHING_BUSY: "Too many people are signing in right now. Try again in a moment.",
  NOT_YOURS: "This is not here, or it belongs to another account.",
  PROJECT_COMPLETED: "This project is completed. Reopen it to go on.",
  PROJECT_QUOTA: "You have as many projects as may be kept. Delete one first.",
  NO_INPUTS: "Add a vocal and a beat first.",
  JOB_QUOTA: "As many mixes as may run at once are under way. Wait for one to end.",
  RENDER_QUOTA: "Your finished mixes take all the space there is for them. Delete one first.",
  STORAGE_QUOTA: "Your audio takes all the space there is for it. Delete some first.",
  FILE_TOO_LARGE: "The file is larger than may be uploaded.",
  EMPTY: "The file is empty.",
  NOT_AUDIO: "There is no audio in this file.",
  PLAYLIST: "This is a playlist, not a recording.",
  TOO_LONG: "The recording is longer than may be uploaded.",
  AWAY: "AutoMix does not answer. Check the connection; this goes on by itself.",
  UPSTREAM_UNAVAILABLE: "A part of AutoMix is away. Try again in a moment.",
  UPSTREAM_TIMEOUT: "That took too long. Try again.",
};

/** One sentence for a person. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError) {
    const known = SENTENCES[error.reason];
    if (known) return known;
    const text = error.message || "Something failed on our side. Try again.";
    return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
  }
  return error instanceof Error && error.message ? error.message : "Something failed. Try again.";
}
