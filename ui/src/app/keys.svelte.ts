// Keyboard shortcuts: one listener; pages lay their own keys over those that work everywhere.
// A key is where it is on the keyboard: with a Thai layout, `j` is the key that types "่".

import { untrack } from "svelte";

export type Key = { key: string; label: string; run: () => void };

const KEPT_AS = "phitak-single-keys";
const GO_MS = 1_500;
const BY_CODE: Record<string, string> = { Slash: "/", Period: ".", Escape: "Escape", Enter: "Enter" };

function kept(): boolean {
  try {
    return localStorage.getItem(KEPT_AS) !== "off";
  } catch {
    return true;
  }
}

let on = $state(kept());
let layers = $state.raw<readonly (() => readonly Key[])[]>([]);
let everywhere: () => readonly Key[] = () => [];
let gos: () => readonly Key[] = () => [];
let go_until_ms = 0;

export const keys = {
  get on(): boolean {
    return on;
  },
  set on(next: boolean) {
    on = next;
    try {
      localStorage.setItem(KEPT_AS, next ? "on" : "off");
    } catch {
      // Not kept: it still changes for this visit.
    }
  },
  /** The keys of this page, for the help. */
  get here(): readonly Key[] {
    return layers.flatMap((layer) => layer());
  },
  get everywhere(): readonly Key[] {
    return everywhere();
  },
  get gos(): readonly Key[] {
    return gos();
  },
};

/** Keys that work while the component is there. Call while a component is set up. */
export function useKeys(own: () => readonly Key[]): void {
  $effect(() => {
    untrack(() => (layers = [...layers, own]));
    return () => (layers = layers.filter((layer) => layer !== own));
  });
}

/** The letter on the key, whatever the layout. Exported for its test. */
export function letterOf(event: Pick<KeyboardEvent, "key" | "code" | "shiftKey">): string {
  if (event.code === "Slash" && event.shiftKey) return "?";
  if (/^[\x20-\x7e]$/.test(event.key)) return event.key.toLowerCase();
  if (/^Key[A-Z]$/.test(event.code)) return event.code.slice(3).toLowerCase();
  return BY_CODE[event.code] ?? event.key;
}

export function startKeys(common: () => readonly Key[], pages: () => readonly Key[]): void {
  everywhere = common;
  gos = pages;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !on) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const letter = letterOf(event);
    const going = Date.now() < go_until_ms;
    go_until_ms = 0;
    if (going) {
      const page = gos().find((k) => k.key === letter);
      if (page) return act(event, page);
    }
    if (letter === "g") {
      go_until_ms = Date.now() + GO_MS;
      return;
    }
    const found = keys.here.find((k) => k.key === letter) ?? everywhere().find((k) => k.key === letter);
    // Enter belongs to whatever has the focus.
    if (found && letter !== "Enter") act(event, found);
  });
}

function act(event: KeyboardEvent, key: Key): void {
  event.preventDefault();
  key.run();
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit"].includes(target.type);
}
