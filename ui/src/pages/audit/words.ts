// What stands in the audit in fixed English words, in the reader's language. What is not known is shown as it is.
import type { AuditEntry } from "../../api/model";
import type { Words } from "../../i18n/th";

type Shown = { who: (who: string) => string; object: (object: string) => string; detail: (entry: AuditEntry) => string };

export function inWords(words: () => Words): Shown {
  /** "finding 12": the kind in words, the name as it is. */
  function named(text: string): string {
    for (const [kind, said] of Object.entries(words().audit.objects)) {
      if (text === kind) return said;
      if (text.startsWith(`${kind} `)) return `${said} ${text.slice(kind.length + 1)}`;
    }
    return text;
  }
  return {
    who(who) {
      if (who === "operator (command line)") return words().audit.operator;
      const [, login, token] = /^(\S+) by token ([^]+)$/.exec(who) ?? [];
      return login && token ? words().audit.by_token(login, token) : named(who);
    },
    object: named,
    detail(entry) {
      const t = words();
      if (entry.action === "story.triage") {
        const [, action = "", verdict, reason = ""] = /^(\w+)(?: as (\w+))?: ([^]*)$/.exec(entry.detail) ?? [];
        const said = (t.action as Record<string, string>)[action];
        if (!said) return entry.detail;
        const judged = verdict ? ((t.verdict as Record<string, string>)[verdict] ?? verdict) : "";
        return [said, judged, reason === "no reason given" ? t.audit.no_reason : reason].filter(Boolean).join(" · ");
      }
      if (entry.action === "finding.response") {
        const [, answer = "", reason = ""] = /^(\w+)(?:: ([^]*))?$/.exec(entry.detail) ?? [];
        const said = (t.response as Record<string, string>)[answer];
        return said ? [said, reason].filter(Boolean).join(" · ") : entry.detail;
      }
      const [, from, how] = /^from ([^\s,]+)(?:, with a (code|recovery code))?$/.exec(entry.detail) ?? [];
      if (from) return [t.audit.from(from), how && (how === "code" ? t.audit.with_code : t.audit.with_recovery_code)].filter(Boolean).join(" ");
      const imported = /^(\d+) imported$/.exec(entry.detail)?.[1];
      if (imported) return t.audit.imported(imported);
      const role = /^role (\w+)$/.exec(entry.detail)?.[1] ?? "";
      return (t.role as Record<string, string>)[role] ?? entry.detail;
    },
  };
}
