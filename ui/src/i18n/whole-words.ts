// Where a Thai line must not break. The browser's dictionary splits some words in two (โรง|พยาบาล); those words, names and
// codes are marked here so that the page can hold them together. Nothing is added to the text: it copies and searches as written.
import { KEPT_WHOLE } from "./kept-whole";

/** Longest span kept on one line, so that a long name cannot push a page wide. */
const WHOLE_CHARS_MAX = 40;
const LONGEST = Math.max(...KEPT_WHOLE.map((w) => w.length));
const KEPT = new Set(KEPT_WHOLE);
/** Host names, addresses, versions and codes: PHARM-02, 10.4.0.9, TLS-1.0, T1071.001, 3306/tcp. */
const CODE = /[A-Za-z0-9]+(?:[-._:/][A-Za-z0-9]+)+/y;

/** A number and the space after it: its unit stays with it ("90 วินาที"). */
const NUMBER = /\d[\d,.]*[ \u00a0]/y;
const UNIT_CHARS_MAX = 12;

export type Run = { text: string; whole: boolean };

type Segmenter = { segment(text: string): Iterable<{ segment: string; index: number }> };
const segmenter: Segmenter | null = typeof Intl !== "undefined" && "Segmenter" in Intl ? new Intl.Segmenter("th", { granularity: "word" }) : null;

/** The text in runs; a run that is `whole` may not be broken over two lines. */
export function runs(text: string): Run[] {
  const starts = wordStarts(text);
  const out: Run[] = [];
  let at = 0;
  let loose = 0;
  while (at < text.length) {
    const length = starts.has(at) ? wholeAt(text, at, starts) : 0;
    if (length === 0) {
      at += Math.max(1, codeAt(text, at));
      continue;
    }
    if (loose < at) out.push({ text: text.slice(loose, at), whole: false });
    out.push({ text: text.slice(at, at + length), whole: true });
    at += length;
    loose = at;
  }
  if (loose < text.length) out.push({ text: text.slice(loose), whole: false });
  return out;
}

function wordStarts(text: string): Set<number> | AnyPlace {
  if (!segmenter) return ANY_PLACE;
  const starts = new Set<number>();
  for (const { index } of segmenter.segment(text)) starts.add(index);
  starts.add(text.length);
  return starts;
}

type AnyPlace = { has(at: number): boolean };
const ANY_PLACE: AnyPlace = { has: () => true };

/** Characters from `at` that stay together, or 0. A kept word must begin and end where words do. */
function wholeAt(text: string, at: number, starts: AnyPlace): number {
  const code = codeAt(text, at);
  if (code > 0) return code <= WHOLE_CHARS_MAX ? code : 0;
  NUMBER.lastIndex = at;
  const number = NUMBER.exec(text);
  if (number) {
    const unit = unitAt(text, at + number[0].length, starts);
    if (unit > 0) return number[0].length + unit;
  }
  for (let length = Math.min(LONGEST, text.length - at); length > 1; length -= 1) {
    if (KEPT.has(text.slice(at, at + length)) && starts.has(at + length)) return length;
  }
  return 0;
}

function codeAt(text: string, at: number): number {
  CODE.lastIndex = at;
  return CODE.exec(text)?.[0].length ?? 0;
}

/** Characters of the Thai word that begins at `at`, or 0. */
function unitAt(text: string, at: number, starts: AnyPlace): number {
  if (!/[\u0e01-\u0e5b]/.test(text.charAt(at)) || starts === ANY_PLACE) return 0;
  for (let length = 1; length <= UNIT_CHARS_MAX && at + length <= text.length; length += 1) {
    if (starts.has(at + length)) return length;
  }
  return 0;
}
