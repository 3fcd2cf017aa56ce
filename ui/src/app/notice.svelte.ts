// Short words about what just happened, said aloud too, with a way back where there is one.
const SHOWN_MS = 12_000;

export type Notice = { text: string; kind: "done" | "failed"; undo?: (() => void) | undefined };

let shown = $state.raw<Notice | null>(null);
let said = $state("");
let timer: ReturnType<typeof setTimeout> | undefined;
let way_back: (() => void) | undefined;

export const notice = {
  get shown(): Notice | null {
    return shown;
  },
  /** What a screen reader is told. */
  get said(): string {
    return said;
  },
  show(text: string, more: { kind?: "done" | "failed"; undo?: () => void } = {}): void {
    clearTimeout(timer);
    shown = { text, kind: more.kind ?? "done", undo: more.undo };
    said = text;
    if (more.undo) way_back = more.undo;
    timer = setTimeout(() => (shown = null), SHOWN_MS);
  },
  /** Only said, not shown: what the eye sees anyway. */
  say(text: string): void {
    said = "";
    queueMicrotask(() => (said = text));
  },
  hide(): void {
    clearTimeout(timer);
    shown = null;
  },
  /** Takes back the last thing that can be taken back, also after its words have gone. */
  undo(): boolean {
    const back = way_back;
    way_back = undefined;
    shown = null;
    back?.();
    return back !== undefined;
  },
};
