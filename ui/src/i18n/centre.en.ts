// What the pages say of the centre itself, and of open cases on the overview, in English.
import { count } from "../time/format";
import type { centre as thai } from "./centre.th";

export const centre: typeof thai = {
  trouble: {
    database_away: {
      title: "The centre cannot read its data just now",
      next: "This page may be out of date, and nothing can be saved yet. If it is urgent, call us. Everything that was stored is still there. Sensors keep what they see and send it by themselves. This page works again by itself; if it takes more than a few minutes, tell the centre’s administrator.",
    },
    no_space: {
      title: "The centre’s storage is full: nothing can be written",
      next: "You can still read, but what you press or type now is not saved, and nothing new comes up. If it is urgent, call us. Sensors keep what they see and send it by themselves. Tell the centre’s administrator to make room.",
    },
    cannot_write: {
      title: "Nothing can be written at the centre just now",
      next: "You can still read, but what you press or type now is not saved, and nothing new comes up. If it is urgent, call us. Sensors keep what they see and send it by themselves. Tell the centre’s administrator to look at the storage.",
    },
  },
  due: {
    title: "Cases and what is due next",
    lead: (open) => `${count(open)} open`,
    overdue: (n) => `${count(n)} overdue`,
    none: "No case is open",
  },
};
