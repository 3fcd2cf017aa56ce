// The language that the page speaks now. Thai unless the person chose English; the choice stays in this browser.
import { en } from "./en";
import { inLang, type Lang, type Text } from "./lang";
import { th, type Words } from "./th";

const KEPT_AS = "phitak-lang";

function kept(): Lang {
  try {
    return localStorage.getItem(KEPT_AS) === "en" ? "en" : "th";
  } catch {
    return "th";
  }
}

let lang = $state<Lang>(kept());

export const i18n = {
  get lang(): Lang {
    return lang;
  },
  get words(): Words {
    return lang === "th" ? th : en;
  },
  set(next: Lang): void {
    lang = next;
    try {
      localStorage.setItem(KEPT_AS, next);
    } catch {
      // A browser that keeps nothing still changes the language for this visit.
    }
  },
};

/** A hospital's name where many stand close together: "รพ." for โรงพยาบาล, as people write it, and no "Hospital" behind it. */
export function shortName(name: Text): string {
  return pick(name).replace(/^โรงพยาบาล(?=.)/, "รพ.").replace(/(?<=\S) Hospital$/, "");
}

/** The text in the page's language. */
export function pick(text: Text | null | undefined): string {
  return inLang(text, lang);
}
