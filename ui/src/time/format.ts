// Times as people read them: Thai pages in the Buddhist era, English pages in the common era, both on Thai time.
// Thailand keeps UTC+7 all year round, so the clock is plain arithmetic and the same on every machine.
import type { Lang } from "../i18n/lang";

const THAI_OFFSET_MS = 7 * 3600 * 1000;
const BUDDHIST_YEARS = 543;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const MONTHS: Record<Lang, readonly string[]> = {
  th: ["ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค."],
  en: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
};
const WEEKDAYS: Record<Lang, readonly string[]> = {
  th: ["วันอาทิตย์", "วันจันทร์", "วันอังคาร", "วันพุธ", "วันพฤหัสบดี", "วันศุกร์", "วันเสาร์"],
  en: ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
};
/** A line never breaks inside a date. */
const NBSP = "\u00a0";

type Parts = { year: number; month: number; day: number; weekday: number; hour: string; minute: string; second: string; ms: number };

function two(n: number): string {
  return n.toString().padStart(2, "0");
}

function parts(iso: string): Parts | null {
  const ms = Date.parse(iso);
  if (!Number.isFinite(ms)) return null;
  const at = new Date(ms + THAI_OFFSET_MS);
  return {
    year: at.getUTCFullYear(), month: at.getUTCMonth(), day: at.getUTCDate(), weekday: at.getUTCDay(),
    hour: two(at.getUTCHours()), minute: two(at.getUTCMinutes()), second: two(at.getUTCSeconds()), ms,
  };
}

function year(p: Parts, lang: Lang): number {
  return lang === "th" ? p.year + BUDDHIST_YEARS : p.year;
}

/** "24 พ.ย. 2569" or "24 Nov 2026". What is not a time comes back as it was. */
export function date(iso: string, lang: Lang): string {
  const p = parts(iso);
  if (!p) return iso;
  return [p.day, MONTHS[lang][p.month], year(p, lang)].join(NBSP);
}

/** "09:14" on Thai time. */
export function clock(iso: string): string {
  const p = parts(iso);
  return p ? `${p.hour}:${p.minute}` : iso;
}

/** "09:14:07" on Thai time. */
export function clockSeconds(iso: string): string {
  const p = parts(iso);
  return p ? `${p.hour}:${p.minute}:${p.second}` : iso;
}

/** "24 พ.ย. 2569 09:14 น." or "24 Nov 2026 09:14". */
export function dateTime(iso: string, lang: Lang): string {
  const p = parts(iso);
  if (!p) return iso;
  const time = `${p.hour}:${p.minute}`;
  return [date(iso, lang), lang === "th" ? `${time}${NBSP}น.` : time].join(NBSP);
}

/** The exact time, for hovering: to the second, with its zone. */
export function exact(iso: string, lang: Lang): string {
  const p = parts(iso);
  if (!p) return iso;
  const time = `${p.hour}:${p.minute}:${p.second}`;
  return lang === "th" ? `${date(iso, lang)} ${time} น. (เวลาไทย)` : `${date(iso, lang)} ${time} Thai time (UTC+7)`;
}

/** How long ago, in the one largest unit: "4 นาทีก่อน", "2 ชม.ก่อน", "3 วันก่อน". The future counts as now: clocks differ. */
export function ago(iso: string, now_ms: number, lang: Lang): string {
  const p = parts(iso);
  if (!p) return iso;
  const past = now_ms - p.ms;
  if (past < MINUTE_MS) return lang === "th" ? "เมื่อสักครู่" : "just now";
  if (past < HOUR_MS) return span(Math.floor(past / MINUTE_MS), lang, "นาที", "min");
  if (past < DAY_MS) return span(Math.floor(past / HOUR_MS), lang, "ชม.", "h");
  return span(Math.floor(past / DAY_MS), lang, "วัน", "d");
}

function span(n: number, lang: Lang, th: string, en: string): string {
  return lang === "th" ? `${n}${NBSP}${th}ก่อน` : `${n}${NBSP}${en}${NBSP}ago`;
}

/** Whole days between two moments, never below nothing. */
export function daysSince(iso: string, now_ms: number): number {
  const p = parts(iso);
  return p ? Math.max(0, Math.floor((now_ms - p.ms) / DAY_MS)) : 0;
}

/** The day by which something is to be done: "วันนี้", "พรุ่งนี้", else the weekday with its date. */
export function dueDay(iso: string, now_ms: number, lang: Lang): string {
  const p = parts(iso);
  if (!p) return iso;
  const day = Math.floor((p.ms + THAI_OFFSET_MS) / DAY_MS) - Math.floor((now_ms + THAI_OFFSET_MS) / DAY_MS);
  if (day === 0) return lang === "th" ? "วันนี้" : "today";
  if (day === 1) return lang === "th" ? "พรุ่งนี้" : "tomorrow";
  const weekday = WEEKDAYS[lang][p.weekday] ?? "";
  return lang === "th" ? `${weekday}ที่ ${date(iso, lang)}` : `${weekday} ${date(iso, lang)}`;
}

/** Whether the moment has passed. */
export function isPast(iso: string, now_ms: number): boolean {
  const p = parts(iso);
  return p !== null && p.ms < now_ms;
}

/** 1234567 → "1,234,567". */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** A total that is only known to be at least this much says so. */
export function countAtLeast(n: number, exact: boolean): string {
  return exact ? count(n) : `≥${count(n)}`;
}
