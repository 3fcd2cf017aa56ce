// The two languages, and a text that comes in both.
export type Lang = "th" | "en";
export type Text = { th: string; en: string };

/** The text in the wanted language; the other one rather than nothing. */
export function inLang(text: Text | null | undefined, lang: Lang): string {
  if (!text) return "";
  return lang === "th" ? text.th || text.en : text.en || text.th;
}
