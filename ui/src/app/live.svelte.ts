// One stream of changes from the centre for the whole page. It says only that something changed; pages ask again for what.
import type { FindingState, RecipientState, SensorStatus, Severity } from "../api/model";

export type Change =
  | { what: "story"; id: number; facility: string; severity: Severity; last_at: string }
  | { what: "finding"; id: number; facility: string; state: FindingState }
  | { what: "sensor"; id: string; facility: string; status: SensorStatus }
  | { what: "bulletin"; id: number; facility: string; state: RecipientState; level: number }
  | { what: "case"; id: number; facility: string }
  | { what: "resync" };

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 30_000;

let stream: EventSource | null = null;
let retry_ms = RETRY_MS_MIN;
let timer: ReturnType<typeof setTimeout> | undefined;
let connected = $state(true);
const listeners = new Set<(change: Change) => void>();

export const live = {
  get connected(): boolean {
    return connected;
  },
};

/** Hears every change until the component goes. Call while a component is set up. */
export function onChange(hear: (change: Change) => void): void {
  $effect(() => {
    listeners.add(hear);
    return () => listeners.delete(hear);
  });
}

export function startLive(): void {
  stopLive();
  const opened = new EventSource("/api/v1/live");
  stream = opened;
  opened.addEventListener("open", () => {
    // What happened while the line was down is unknown, so everybody asks again.
    if (!connected) tell({ what: "resync" });
    connected = true;
    retry_ms = RETRY_MS_MIN;
  });
  for (const what of ["story", "finding", "sensor", "bulletin", "case"] as const) {
    opened.addEventListener(what, (event) => {
      const change = read(what, event.data);
      if (change) tell(change);
    });
  }
  opened.addEventListener("resync", () => tell({ what: "resync" }));
  opened.addEventListener("error", () => {
    connected = false;
    // The browser tries again by itself only while it is still connecting.
    if (opened.readyState !== EventSource.CLOSED) return;
    timer = setTimeout(startLive, retry_ms);
    retry_ms = Math.min(retry_ms * 2, RETRY_MS_MAX);
  });
}

export function stopLive(): void {
  clearTimeout(timer);
  stream?.close();
  stream = null;
}

function tell(change: Change): void {
  for (const hear of listeners) hear(change);
}

function read(what: Exclude<Change["what"], "resync">, data: unknown): Change | null {
  try {
    const body: unknown = JSON.parse(String(data));
    if (!body || typeof body !== "object" || !("id" in body) || !("facility" in body)) return null;
    return { what, ...body } as Change;
  } catch {
    return null;
  }
}

/** Runs `work` soon after the last call, and at least every `most_ms` while calls keep coming. */
export function gathered(work: () => void, quiet_ms = 400, most_ms = 2_000): { call: () => void; stop: () => void } {
  let wait: ReturnType<typeof setTimeout> | undefined;
  let first_at = 0;
  const run = (): void => {
    wait = undefined;
    first_at = 0;
    work();
  };
  return {
    call() {
      const at = Date.now();
      first_at ||= at;
      clearTimeout(wait);
      wait = setTimeout(run, Math.max(0, Math.min(quiet_ms, first_at + most_ms - at)));
    },
    stop() {
      clearTimeout(wait);
    },
  };
}
