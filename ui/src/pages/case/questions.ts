// What the case page asks before it writes: each question with its fields and the request that its answers make.
import type { CaseClock, CaseDetail, CaseLaw, CaseTask, Playbooks, TimelineLine } from "../../api/model";
import type { Words } from "../../i18n/th";
import { inLang, type Lang } from "../../i18n/lang";
import { i18n } from "../../i18n/i18n.svelte";
import type { Answers, AskField } from "../../parts/Ask.svelte";

export type Question =
  | "status" | "assess" | "words" | "moment" | "settle" | "waive" | "run" | "task" | "drop" | "playbook" | "comment" | "entry" | "note"
  | "observable" | "hide" | "show" | "hold" | "unhold" | "merge" | "take_out" | "link" | "parts";
export type Subject = { clock?: CaseClock; task?: CaseTask; line?: TimelineLine; facility?: string };
export type Request = { path: string; body: unknown };
export type Asked = { title: string; note?: string; fields: AskField[]; request: (answers: Answers, numbered: (number: string) => Promise<number>) => Request | Promise<Request> };
type About = { case: CaseDetail; law: CaseLaw | undefined; playbooks: Playbooks | undefined; subject: Subject };

const TEXT_CHARS_MAX = 4000;

export function questions(t: Words, about: About): Record<Question, Asked> {
  return { ...ofTheCase(t, about), ...ofTheLaw(t, about), ...ofTheWork(t, about) };
}

function said(text: { th: string; en: string }): string {
  return inLang(text, i18n.lang satisfies Lang);
}

function reason(t: Words, optional = false): AskField {
  return { name: "reason", label: t.cases.ask.reason, kind: "textarea", optional };
}

function facility(t: Words, about: About, with_centre: boolean): AskField {
  const own = about.case.facilities.map((f) => ({ value: f.code, words: said(f.name) }));
  const options = with_centre ? [...own, { value: "", words: t.cases.ask.centre }] : own;
  return { name: "facility", label: t.cases.ask.facility, kind: "select", options, value: about.subject.facility ?? own[0]?.value ?? "", optional: with_centre };
}

function text(t: Words): AskField {
  return { name: "text", label: t.cases.ask.text, kind: "textarea", most: TEXT_CHARS_MAX };
}

type OfTheCase = "status" | "assess" | "words" | "hold" | "unhold" | "merge" | "take_out" | "link" | "parts";
function ofTheCase(t: Words, about: About): Record<OfTheCase, Asked> {
  const { case: c, law } = about;
  const path = (end: string): string => `/cases/${c.id}/${end}`;
  const only = (end: string, title: string, more: object = {}): Asked => ({ title, fields: [reason(t)], request: ({ text }) => ({ path: path(end), body: { ...more, reason: text["reason"] } }) });
  const other = (end: string, title: string, name: string): Asked => ({
    title,
    fields: [{ name: "number", label: t.cases.ask.case, kind: "text" }, reason(t)],
    request: async ({ text }, numbered) => ({ path: path(end), body: { [name]: await numbered(text["number"] ?? ""), reason: text["reason"] } }),
  });
  return {
    status: {
      title: t.cases.act.status,
      fields: [{ name: "status", label: t.cases.status_name, kind: "select", value: c.status, options: (["open", "contained", "recovered", "closed"] as const).map((value) => ({ value, words: t.cases.status[value] })) }, reason(t, true)],
      request: ({ text }) => ({ path: path("status"), body: { status: text["status"], reason: text["reason"] || null } }),
    },
    assess: {
      title: t.cases.act.assess,
      fields: [
        { name: "level", label: t.cases.level_name, kind: "select", value: c.level, options: law?.levels.map((l) => ({ value: l.id, words: said(l.name) })) ?? [] },
        { name: "categories", label: t.cases.categories, kind: "checks", chosen: c.categories.map(String), options: law?.categories.map((k) => ({ value: String(k.number), words: `${k.number} ${said(k.name)}${k.reportable ? "" : ` (${t.cases.not_reportable})`}` })) ?? [] },
        reason(t),
      ],
      request: ({ text, chosen }) => {
        const categories = (chosen["categories"] ?? []).map(Number).sort((a, b) => a - b);
        const changed = categories.join() !== c.categories.join();
        return { path: path("assessment"), body: { level: text["level"] === c.level && changed ? null : text["level"], categories: changed ? categories : null, reason: text["reason"] } };
      },
    },
    words: {
      title: t.cases.act.words,
      fields: [
        { name: "title", label: t.cases.form.title, kind: "text", value: c.title },
        { name: "th", label: `${t.cases.form.told} · ${t.cases.ask.thai}`, kind: "text", value: c.told.th, hint: t.cases.form.told_hint },
        { name: "en", label: `${t.cases.form.told} · ${t.cases.ask.english}`, kind: "text", value: c.told.en, optional: true },
      ],
      request: ({ text }) => ({ path: path("words"), body: { title: text["title"], told: { th: text["th"], en: text["en"] } } }),
    },
    hold: only("hold", t.cases.act.hold, { hold: true }),
    unhold: only("hold", t.cases.act.unhold, { hold: false }),
    take_out: only("take-out", t.cases.act.take_out),
    merge: other("merge", t.cases.act.merge, "into"),
    link: other("links", t.cases.act.link, "other"),
    parts: {
      title: t.cases.act.parts,
      fields: [{ name: "facility", label: t.cases.ask.facility, kind: "facility" }],
      request: ({ text }) => ({ path: path("parts"), body: { facilities: [text["facility"]] } }),
    },
  };
}

type OfTheLaw = "moment" | "settle" | "waive" | "run";
function ofTheLaw(t: Words, about: About): Record<OfTheLaw, Asked> {
  const { case: c, law, subject } = about;
  const clock = subject.clock;
  const settle = `/case-clocks/${clock?.id ?? 0}/settle`;
  const title = (act: string): string => (clock ? `${act}: ${said(clock.title)}` : act);
  return {
    moment: {
      title: t.cases.act.moment,
      fields: [
        facility(t, about, false),
        { name: "event", label: t.cases.ask.event, kind: "select", value: "noticed", options: law?.events.map((e) => ({ value: e.id, words: said(e.name) })) ?? [] },
        { name: "at", label: t.cases.ask.at, kind: "moment", value: new Date().toISOString() },
        { name: "reason", label: t.cases.ask.correction, kind: "text", optional: true, most: 1000 },
      ],
      request: ({ text }) => ({ path: `/cases/${c.id}/moments`, body: { facility: text["facility"], event: text["event"], at: text["at"], reason: text["reason"] || null } }),
    },
    settle: {
      title: title(t.cases.act.settle),
      fields: [
        { name: "reference", label: t.cases.ask.reference, kind: "text", hint: t.cases.ask.reference_hint },
        { name: "at", label: t.cases.ask.at, kind: "moment", value: new Date().toISOString() },
      ],
      request: ({ text }) => ({ path: settle, body: { state: "done", reference: text["reference"], at: text["at"] } }),
    },
    waive: { title: title(t.cases.act.waive), fields: [reason(t)], request: ({ text }) => ({ path: settle, body: { state: "not_applicable", reason: text["reason"] } }) },
    run: { title: title(t.cases.act.run), fields: [reason(t)], request: ({ text }) => ({ path: settle, body: { state: "running", reason: text["reason"] } }) },
  };
}

type OfTheWork = Exclude<Question, OfTheCase | OfTheLaw>;
function ofTheWork(t: Words, about: About): Record<OfTheWork, Asked> {
  const { case: c, playbooks, subject } = about;
  const path = (end: string): string => `/cases/${c.id}/${end}`;
  const hiding = (hide: boolean, title: string): Asked => ({ title, fields: [reason(t)], request: ({ text }) => ({ path: path("timeline"), body: { line: subject.line?.key ?? "", hide, reason: text["reason"] } }) });
  return {
    task: {
      title: t.cases.act.task,
      fields: [
        facility(t, about, true),
        { name: "th", label: `${t.cases.ask.task} · ${t.cases.ask.thai}`, kind: "text", most: 400 },
        { name: "en", label: `${t.cases.ask.task} · ${t.cases.ask.english}`, kind: "text", most: 400, optional: true },
        { name: "who", label: t.cases.ask.who, kind: "text", most: 120, optional: true },
        { name: "due", label: t.cases.ask.due, kind: "moment", optional: true },
      ],
      request: ({ text }) => ({ path: path("tasks"), body: { facility: text["facility"] || null, title: { th: text["th"], en: text["en"] }, who: text["who"] || null, due_at: text["due"] || null } }),
    },
    drop: { title: t.cases.act.drop, fields: [reason(t)], request: ({ text }) => ({ path: `/case-tasks/${subject.task?.id ?? 0}/settle`, body: { state: "dropped", note: text["reason"] } }) },
    playbook: {
      title: t.cases.act.playbook,
      fields: [{ name: "playbook", label: t.cases.ask.playbook, kind: "select", value: playbooks?.items[0]?.id ?? "", options: playbooks?.items.map((p) => ({ value: p.id, words: `${said(p.name)} — ${said(p.about)}` })) ?? [] }],
      request: ({ text }) => ({ path: path("playbook"), body: { playbook: text["playbook"] } }),
    },
    comment: { title: t.cases.act.comment, fields: [text(t)], request: (a) => ({ path: path("comments"), body: { text: a.text["text"] } }) },
    entry: {
      title: t.cases.act.entry,
      fields: [{ name: "at", label: t.cases.ask.at, kind: "moment", value: new Date().toISOString() }, { name: "source", label: t.cases.ask.source, kind: "text" }, text(t)],
      request: (a) => ({ path: path("comments"), body: { text: a.text["text"], at: a.text["at"], source: a.text["source"] } }),
    },
    note: { title: t.cases.act.note, fields: [facility(t, about, false), text(t)], request: (a) => ({ path: path("notes"), body: { facility: a.text["facility"], text: a.text["text"] } }) },
    observable: {
      title: t.cases.observables,
      fields: [
        { name: "kind", label: t.cases.ask.kind, kind: "select", value: "address", options: (["address", "domain", "hash", "account"] as const).map((value) => ({ value, words: t.cases.observable[value] })) },
        { name: "value", label: t.cases.ask.value, kind: "text", most: 253 },
        { name: "note", label: t.cases.ask.note, kind: "text", most: 400, optional: true },
      ],
      request: (a) => ({ path: path("observables"), body: { kind: a.text["kind"], value: a.text["value"], note: a.text["note"] ?? "" } }),
    },
    hide: hiding(true, t.cases.act.hide),
    show: hiding(false, t.cases.act.show),
  };
}
