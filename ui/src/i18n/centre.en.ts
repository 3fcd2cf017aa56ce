// What the pages say of the centre itself, and of open cases on the overview, in English.
import { count } from "../time/format";
import type { centre as thai } from "./centre.th";

export const centre: typeof thai = {
  trouble: {
    database_away: {
      title: "The centre cannot read its data just now",
      next: "Everything that was stored is still there. Sensors keep what they see and send it by themselves. This page works again by itself; if it takes more than a few minutes, tell the centre’s administrator.",
    },
    no_space: {
      title: "The centre’s storage is full: nothing can be written",
      next: "Everything that was stored is still there and can be read. Sensors keep what they see and send it by themselves. Tell the centre’s administrator to make room.",
    },
  },
  due: {
    title: "Cases and what is due next",
    lead: (open) => `${count(open)} open`,
    overdue: (n) => `${count(n)} overdue`,
    none: "No case is open",
  },
};
