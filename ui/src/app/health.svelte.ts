// Whether the centre can work, as its health route says: asked now and then, and more often while it cannot.
export const TROUBLES = ["database_away", "no_space", "cannot_write"] as const;
export type Trouble = (typeof TROUBLES)[number];

const ASK_MS = 30_000;
const ASK_MS_IN_TROUBLE = 5_000;

let trouble = $state<Trouble | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

export const health = {
  get trouble(): Trouble | null {
    return trouble;
  },
};

export function troubleOf(code: unknown): Trouble | null {
  return TROUBLES.find((known) => known === code) ?? null;
}

/** What an answer of the health route says; a centre that does not answer at all says nothing of its data. */
export function troubleIn(body: unknown): Trouble | null {
  if (!body || typeof body !== "object" || !("error" in body)) return null;
  const { error } = body;
  return error && typeof error === "object" && "code" in error ? troubleOf(error.code) : null;
}

export function startHealth(): void {
  stopHealth();
  void ask();
}

export function stopHealth(): void {
  clearTimeout(timer);
  timer = undefined;
}

async function ask(): Promise<void> {
  try {
    const response = await fetch("/healthz", { cache: "no-store", credentials: "omit" });
    trouble = troubleIn(await response.json());
  } catch {
    // The mark of the live stream says that nothing is heard.
    trouble = null;
  }
  timer = setTimeout(() => void ask(), trouble ? ASK_MS_IN_TROUBLE : ASK_MS);
}
