// Asking the centre: JSON over same-origin requests, with the session's cookie and, for writes, its CSRF value.
const BASE = "/api/v1";
/** A question that takes longer is given up, and the page says so. */
const TIMEOUT_MS = 20_000;

export type Problem = "network" | "server" | "missing" | "forbidden" | "signed_out" | "busy" | "refused";

/** The centre's refusal, or the lack of an answer. `what`, `detail`, `hint` are the centre's own words. */
export class Refusal extends Error {
  constructor(
    readonly problem: Problem,
    readonly status: number,
    readonly code: string,
    readonly what: string,
    readonly detail: string = "",
    readonly hint: string = "",
  ) {
    super(what);
  }
}

let csrf = "";
let on_signed_out: () => void = () => {};

/** Set at sign-in, used by each write. */
export function setCsrf(value: string): void {
  csrf = value;
}

/** Called when the centre says that the session is over. */
export function onSignedOut(run: () => void): void {
  on_signed_out = run;
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return ask<T>("GET", path, undefined, signal);
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return ask<T>("POST", path, body);
}

/** Sends a file as it is; it takes as long as it takes. */
export async function sendFile<T>(path: string, file: File): Promise<T> {
  const headers = { accept: "application/json", "x-csrf-token": csrf, "content-type": "application/octet-stream" };
  let response: Response;
  try {
    response = await fetch(BASE + path, { method: "POST", headers, credentials: "same-origin", cache: "no-store", body: file });
    if (response.ok) return (await response.json()) as T;
  } catch (error) {
    throw new Refusal("network", 0, "network", String(error));
  }
  const refusal = await refused(response);
  if (refusal.problem === "signed_out") on_signed_out();
  throw refusal;
}

export function remove(path: string): Promise<void> {
  return ask<void>("DELETE", path);
}

/** A path with only the parameters that say something. */
export function withQuery(path: string, query: Record<string, string | number | null | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") given.set(name, String(value));
  }
  const text = given.toString();
  return text ? `${path}?${text}` : path;
}

async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), TIMEOUT_MS);
  const stop = (): void => patience.abort();
  signal?.addEventListener("abort", stop, { once: true });
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method, headers, signal: patience.signal, credentials: "same-origin", cache: "no-store",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal("network", 0, "network", String(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
  const refusal = await refused(response);
  if (refusal.problem === "signed_out" && !path.startsWith("/session")) on_signed_out();
  throw refusal;
}

async function refused(response: Response): Promise<Refusal> {
  let said: { code?: unknown; what?: unknown; detail?: unknown; hint?: unknown } = {};
  try {
    const body: unknown = await response.json();
    if (body && typeof body === "object" && "error" in body && body.error && typeof body.error === "object") said = body.error;
  } catch {
    // Not JSON: something between the page and the centre answered; the status alone must do.
  }
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return new Refusal(problemOf(response.status), response.status, text(said.code) || String(response.status), text(said.what), text(said.detail), text(said.hint));
}

function problemOf(status: number): Problem {
  if (status === 401) return "signed_out";
  if (status === 403) return "forbidden";
  if (status === 404) return "missing";
  if (status === 429) return "busy";
  return status >= 500 ? "server" : "refused";
}
