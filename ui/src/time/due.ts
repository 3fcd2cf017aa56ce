// Deadlines as people read them, and moments as a form's field holds them: both on Thai time.
import type { Lang } from "../i18n/lang";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const THAI_OFFSET_MS = 7 * HOUR_MS;
const NBSP = "\u00a0";

/** A span in its two largest units: "2 วัน 3 ชม.", "5 ชม. 20 นาที", "4 นาที". */
export function span(ms: number, lang: Lang): string {
  const past = Math.abs(ms);
  const [days, hours, minutes] = [Math.floor(past / DAY_MS), Math.floor((past % DAY_MS) / HOUR_MS), Math.floor((past % HOUR_MS) / MINUTE_MS)];
  const units = lang === "th" ? (["วัน", "ชม.", "นาที"] as const) : (["d", "h", "min"] as const);
  const said = (n: number, i: 0 | 1 | 2): string => `${n}${NBSP}${units[i]}`;
  if (days) return hours ? `${said(days, 0)} ${said(hours, 1)}` : said(days, 0);
  if (hours) return minutes ? `${said(hours, 1)} ${said(minutes, 2)}` : said(hours, 1);
  return said(minutes, 2);
}

/** How far a deadline is from now, in milliseconds; negative when it has passed. NaN for what is no time. */
export function left(iso: string, now_ms: number): number {
  return Date.parse(iso) - now_ms;
}

/** A moment as `datetime-local` takes it. */
export function toField(iso: string): string {
  const ms = Date.parse(iso);
  return Number.isFinite(ms) ? new Date(ms + THAI_OFFSET_MS).toISOString().slice(0, 16) : "";
}

/** The moment that a field of `datetime-local` means; empty when it holds none. */
export function fromField(text: string): string {
  const ms = Date.parse(`${text}:00+07:00`);
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text) && Number.isFinite(ms) ? new Date(ms).toISOString() : "";
}
