// A saved view's filter as the address bar keeps it, and back.
import type { StoryAsk } from "../../api/model";
import { readFilters, USUAL_PERIOD, USUAL_STATUSES, type Filters } from "./filters";

const or_null = (text: string): string | null => text || null;

/** The filter in the centre's words. */
export function askOf(f: Filters): StoryAsk {
  return {
    status: f.statuses.join(","), severity: or_null(f.severities.join(",")), since: f.since, region: f.region ? Number(f.region) : null,
    facility: or_null(f.facility), signature: f.signature ? Number(f.signature) : null, technique: or_null(f.technique), q: or_null(f.q),
  };
}

/** The changes of the address that show this view and nothing else. */
export function addressOf(ask: StoryAsk): Record<string, string | null> {
  const f = filtersOf(ask);
  const usual = f.statuses.join() === USUAL_STATUSES.join();
  return {
    status: usual ? null : f.statuses.join(","), severity: f.severities.join(","), since: f.since === USUAL_PERIOD ? null : f.since,
    region: f.region, facility: f.facility, signature: f.signature, technique: f.technique, q: f.q,
  };
}

/** Whether the queue shows this view now. */
export function isShown(ask: StoryAsk, now: Filters): boolean {
  return JSON.stringify(filtersOf(ask)) === JSON.stringify(now);
}

function filtersOf(ask: StoryAsk): Filters {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(ask)) if (value !== null && value !== undefined) said.set(name, String(value));
  return readFilters(said);
}
