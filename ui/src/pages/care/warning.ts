// What a hospital is told of how far it has come with an early warning.
import type { CareItem } from "../../api/model";
import type { Words } from "../../i18n/th";

type Warning = NonNullable<CareItem["bulletin"]>;

export function warningNote(warning: Warning, t: Words): string {
  switch (warning.state) {
    case "sent": return warning.level > 0 ? t.care.asked_again : "";
    case "acknowledged": return t.care.acknowledged_by;
    case "done": {
      const cannot_tell = warning.check_outcome === "not_watching" || warning.check_outcome === "not_seen";
      return cannot_tell ? t.bulletins.outcome[warning.check_outcome ?? "not_seen"] : t.care.waiting_note;
    }
    case "verified": return t.care.verified_note;
    case "reopened": return t.care.still_found;
    case "need_help": return t.care.help_note;
    case "not_ours": return t.care.not_ours_note;
    case "cannot": return t.care.cannot_note;
  }
}
