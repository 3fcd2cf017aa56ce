// What the pages say in English of the team's rules, which all sensors get.
import { count } from "../time/format";
import type { rules as thai, rules_audit as thai_audit } from "./rules.th";

export const rules: typeof thai = {
  title: "The team's rules",
  lead: "Rules that the team writes: every sensor gets them by itself and uses them beside its own. Nothing tells which hospital saw it first.",
  add: "Write a rule",
  rule: "Rule, on one line, in Suricata's language",
  rule_hint: (sid) => `The next free sid is ${sid}. A rule here only alerts, and has a content of at least 4 bytes.`,
  rule_full: "All sids have been given: no rule can be added",
  checking: "Checking the rule…",
  fit: (sid, message) => `Fit: ${sid} “${message}”`,
  fault: (line, column) => `Line ${line}, column ${column}`,
  check_failed: "The rule could not be checked; try again",
  name: "Title that hospitals read (no hospital's name in it)",
  what: "What happens",
  why: "Why it matters",
  reason: "Reason (the centre's team alone sees it)",
  days: "In force for days",
  save: "Have everybody use it",
  added: "Added; the sensors are fetching it",
  column: "Rule",
  standing: "State",
  standings: { active: "In force", over: "Over" },
  reach: "Sensors",
  have: (n, all) => `${count(n)} of ${count(all)} have it`,
  let_go: (n, all) => `${count(n)} of ${count(all)} have let it go`,
  waits: "Going into the list",
  refused: (n) => `${count(n)} cannot use it`,
  until: "Until",
  end: "Withdraw",
  end_title: "Withdraw this rule everywhere",
  end_reason: "Reason",
  ended: "Withdrawn; the sensors are being told",
  empty: "The team has written no rule yet",
  empty_filtered: "No rule matches the filter",
  at_sensor: "The team's rules",
  at_sensor_refused: (n) => `${count(n)} not taken`,
};

export const rules_audit: typeof thai_audit = {
  actions: { "rule.add": "Gave rules to every sensor", "rule.withdraw": "Withdrew a rule" },
  objects: { "listed rules": "the team's rules", "listed rule": "the team's rule" },
};
