// The queue's question, as the address bar keeps it and as the centre is asked.
import { withQuery } from "../../api/client";
import type { Severity, StoryStatus } from "../../api/model";

export const STATUSES: readonly StoryStatus[] = ["new", "acknowledged", "closed", "suppressed"];
export const USUAL_STATUSES: readonly StoryStatus[] = ["new", "acknowledged"];
export const SEVERITIES: readonly Severity[] = ["critical", "high", "medium", "low"];
export const PERIODS = ["24h", "7d", "30d", "all"] as const;
export const USUAL_PERIOD: Period = "24h";
export type Period = (typeof PERIODS)[number];

export type Filters = {
  statuses: StoryStatus[];
  /** Empty: all. */
  severities: Severity[];
  since: Period;
  region: string;
  facility: string;
  signature: string;
  /** Of MITRE ATT&CK. */
  technique: string;
  q: string;
};

/** What the address says; words it should not contain are dropped, so an old or mistyped link still opens. */
export function readFilters(query: URLSearchParams): Filters {
  const statuses = words(query.get("status"), STATUSES);
  const since = PERIODS.find((p) => p === query.get("since")) ?? USUAL_PERIOD;
  const region = query.get("region") ?? "";
  return {
    statuses: statuses.length ? statuses : [...USUAL_STATUSES],
    severities: words(query.get("severity"), SEVERITIES),
    since,
    region: /^([1-9]|1[0-3])$/.test(region) ? region : "",
    facility: query.get("facility") ?? "",
    signature: /^\d{1,10}$/.test(query.get("signature") ?? "") ? (query.get("signature") ?? "") : "",
    technique: /^T\d{4}(\.\d{3})?$/.test(query.get("technique") ?? "") ? (query.get("technique") ?? "") : "",
    q: (query.get("q") ?? "").trim(),
  };
}

/** The centre's path for these filters. */
export function storiesPath(f: Filters): string {
  return withQuery("/stories", {
    status: f.statuses.join(","), severity: f.severities.join(","), since: f.since, region: f.region, facility: f.facility, signature: f.signature, technique: f.technique, q: f.q,
  });
}

/** Whether anything but the usual is asked. */
export function isFiltered(f: Filters): boolean {
  const usual = f.statuses.length === USUAL_STATUSES.length && USUAL_STATUSES.every((s) => f.statuses.includes(s));
  return !usual || f.severities.length > 0 || f.since !== USUAL_PERIOD || f.region !== "" || f.facility !== "" || f.signature !== "" || f.technique !== "" || f.q !== "";
}

/** The address that drops every filter. */
export const NO_FILTERS: Record<string, null> = { status: null, severity: null, since: null, region: null, facility: null, signature: null, technique: null, q: null };

function words<T extends string>(given: string | null, known: readonly T[]): T[] {
  const said = (given ?? "").split(",");
  return known.filter((k) => said.includes(k));
}
