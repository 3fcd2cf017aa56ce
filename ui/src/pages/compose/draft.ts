// What is being written, as the form holds it, and as the centre takes it.
import type { BulletinCheck, BulletinDraft, CheckKind, Text } from "../../api/model";

export const STEPS_MAX = 10;

export type Form = Omit<BulletinDraft, "check" | "due_hours"> & {
  due_hours: number;
  kind: CheckKind;
  addresses: string;
  weakness: string;
  protocol: string;
  port: string;
};

const none = (): Text => ({ th: "", en: "" });

export function emptyForm(): Form {
  return {
    title: none(), what: none(), why: none(), steps: [none()], undo: none(), who: none(),
    tlp: "amber", severity: "high", due_hours: 24, story_id: null,
    kind: "indicators", addresses: "", weakness: "", protocol: "", port: "",
  };
}

export function formOf(draft: BulletinDraft): Form {
  const { check, ...words } = structuredClone(draft);
  return {
    ...words,
    steps: words.steps.length ? words.steps : [none()],
    kind: check.kind,
    addresses: check.addresses.join("\n"),
    weakness: check.weakness ?? "",
    protocol: check.protocol ?? "",
    port: check.port === null ? "" : String(check.port),
  };
}

/** Words with spaces, commas or lines between them; the defanged forms people copy are read too. */
export function addressesOf(text: string): string[] {
  return text.replaceAll("[.]", ".").replaceAll("[:]", ":").split(/[\s,]+/).filter(Boolean);
}

/** The check, or null while it does not say what it is about. */
export function checkOf(form: Form): BulletinCheck | null {
  const blank = { addresses: [], weakness: null, protocol: null, port: null };
  if (form.kind === "indicators") {
    const addresses = addressesOf(form.addresses);
    return addresses.length ? { ...blank, kind: "indicators", addresses } : null;
  }
  if (form.kind === "weakness") return form.weakness ? { ...blank, kind: "weakness", weakness: form.weakness } : null;
  const protocol = form.protocol.trim() || null;
  const number = Number(form.port);
  const port = Number.isInteger(number) && number > 0 && number < 65_536 ? number : null;
  return protocol || port ? { ...blank, kind: "service", protocol, port } : null;
}

export function draftOf(form: Form, check: BulletinCheck): BulletinDraft {
  const { title, what, why, undo, who, tlp, severity, due_hours, story_id } = form;
  return { title, what, why, steps: form.steps.filter((s) => s.th.trim() || s.en.trim()), undo, who, tlp, severity, due_hours: Math.round(due_hours), check, story_id };
}
