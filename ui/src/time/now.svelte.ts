// The time that relative times are counted from: it moves every half minute, for the whole page at once.
const TICK_MS = 30_000;

let now_ms = $state(Date.now());
setInterval(() => (now_ms = Date.now()), TICK_MS);

export function now(): number {
  return now_ms;
}
