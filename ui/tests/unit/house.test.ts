// Rules of the house that a machine can hold: nothing from traffic becomes markup, nothing breaks the strict CSP,
// nothing comes from elsewhere, colours can be read, Thai has one word for one thing.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { en } from "../../src/i18n/en";
import { th } from "../../src/i18n/th";

const UI = join(__dirname, "../..");

function files(folder: string, end: RegExp): string[] {
  return readdirSync(join(UI, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path, end) : end.test(entry.name) ? [path] : [];
  });
}

function read(path: string): string {
  return readFileSync(join(UI, path), "utf8");
}

const SOURCES = files("src", /\.(svelte|ts|css)$/).filter((p) => !p.endsWith(".test.ts") && !p.endsWith("types.ts"));

describe("sources", () => {
  const BANNED: [string, RegExp][] = [
    ["markup made from text", /\{@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write/],
    ["an inline style, which the CSP refuses", /\sstyle="/],
    ["an inline handler, which the CSP refuses", /\son[a-z]+="/],
    ["something from elsewhere", /https?:\/\/(?!www\.w3\.org|evil\.example)[a-z]/],
    ["code made from text", /\beval\(|new Function\(/],
  ];
  it.each(BANNED)("contain no %s", (_, pattern) => {
    expect(SOURCES.filter((path) => pattern.test(read(path)))).toEqual([]);
  });
  it("write_colours_down_in_one_place", () => {
    const written = SOURCES.filter((p) => p.endsWith(".svelte") && /:[^;{]*#[0-9a-f]{3,8}\b/i.test(read(p).split("<style>")[1] ?? ""));
    expect(written).toEqual([]);
  });
  it("keep_files_short", () => {
    const long = SOURCES.filter((p) => !/i18n\/(th|en)\.ts$/.test(p) && read(p).split("\n").length > 400);
    expect(long).toEqual([]);
  });
});

describe("words", () => {
  function leaves(tree: object, at = ""): [string, unknown][] {
    return Object.entries(tree).flatMap(([key, value]) => (value && typeof value === "object" ? leaves(value, `${at}${key}.`) : [[`${at}${key}`, value] as [string, unknown]]));
  }
  const said = (value: unknown): string => (typeof value === "function" ? String(value(...["2", 3, "4"].slice(0, value.length))) : String(value));

  it("have_the_same_keys_in_both_languages_and_none_is_empty", () => {
    expect(leaves(en).map(([k]) => k)).toEqual(leaves(th).map(([k]) => k));
    for (const [key, value] of [...leaves(th), ...leaves(en)]) expect(said(value).trim(), key).not.toBe("");
  });
  it("are_thai_where_thai_is_promised", () => {
    const latin = leaves(th).filter(([key, value]) => !/[\u0e01-\u0e5b]/.test(said(value)) && !["team", "common.other_lang", "common.other_lang_label"].includes(key));
    expect(latin.map(([k]) => k)).toEqual([]);
  });
  it("tell_every_loss_that_a_sensor_counts", () => {
    const causes = read("../crates/model/src/health.rs").split("pub enum LossCause {")[1]?.split("\n}")[0]?.match(/^ {4}[A-Z]\w+(?=,$)/gm) ?? [];
    expect(causes.length).toBeGreaterThan(10);
    const named = causes.map((cause) => cause.trim().replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase());
    expect(named.filter((cause) => !th.loss[cause] || !en.loss[cause])).toEqual([]);
  });
  it("use_one_word_for_one_thing", () => {
    const rows = read("GLOSSARY.md").split("\n").filter((l) => l.startsWith("|")).slice(2).map((l) => l.split("|").map((c) => c.trim()));
    expect(rows.length).toBeGreaterThan(20);
    const all = leaves(th).map(([, v]) => said(v)).join("\n");
    const elsewhere = files("../crates/assets/src/weaknesses", /(?<!laws)\.rs$/)
      .concat(files("../content/rules", /\.toml$/), "../crates/centre/src/care_texts.rs", "../crates/centre/src/bulletin_texts.rs", "../crates/uplink/src/policy/fields.rs", "../docs/hospital-guide.md")
      .map((path): [string, string] => [path, read(path)]);
    expect(elsewhere.length).toBeGreaterThan(10);
    for (const [, , thai = "", never = ""] of rows) {
      for (const word of never.split(",").map((w) => w.trim()).filter(Boolean)) {
        expect(all, `say ${thai}, not ${word}`).not.toContain(word);
        for (const [path, text] of elsewhere) expect(text.includes(word), `${path}: say ${thai}, not ${word}`).toBe(false);
      }
    }
  });
});

describe("colours", () => {
  const css = read("src/app/tokens.css");
  function tokens(theme: string): Map<string, string> {
    const block = new RegExp(`\\[data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? "";
    return new Map([...block.matchAll(/(--[a-z0-9-]+): (#[0-9a-f]{6})/g)].map((m) => [m[1] ?? "", m[2] ?? ""]));
  }
  function light(hex: string): number {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function contrast(a: string, b: string): number {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p) as [number, number];
    return (x + 0.05) / (y + 0.05);
  }
  const GROUNDS = ["--bg", "--surface", "--sunken", "--hover"];
  const TEXTS = ["--ink", "--ink-2", "--ink-3", "--accent", "--act", "--warn", "--calm", "--note", "--sev-critical", "--sev-high", "--sev-medium", "--sev-low"];
  const PAIRS: [string, string][] = [["--accent-ink", "--accent"], ["--act-ink", "--act"], ["--call-ink", "--call"], ...["accent", "act", "warn", "calm", "note"].map((n): [string, string] => [`--${n}`, `--${n}-soft`]), ["--ink-2", "--accent-soft"], ["--ink-3", "--accent-soft"], ["--ink-2", "--warn-soft"], ["--ink-2", "--calm-soft"]];

  it.each(["light", "dark"])("of the %s theme can be read (AA)", (theme) => {
    const t = tokens(theme);
    const low = [...TEXTS.flatMap((text) => GROUNDS.map((ground) => [text, ground] as [string, string])), ...PAIRS]
      .map(([text, ground]) => ({ text, ground, ratio: contrast(t.get(text) ?? "#000000", t.get(ground) ?? "#000000") }))
      .filter((x) => x.ratio < 4.5);
    expect(low).toEqual([]);
    for (const ground of ["--bg", "--surface"]) expect(contrast(t.get("--control") ?? "", t.get(ground) ?? "")).toBeGreaterThanOrEqual(3);
  });
});

describe("types of the API", () => {
  const description = join(UI, "../crates/centre/openapi.json");
  it("are_those_of_the_centre_as_it_is_now", () => {
    expect(existsSync(description)).toBe(true);
    const now = execFileSync(join(UI, "node_modules/.bin/openapi-typescript"), [description], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    expect(read("src/api/types.ts"), "run `npm run types`").toBe(now);
    // A program of its own, on a machine that may be busy.
  }, 60_000);
});
