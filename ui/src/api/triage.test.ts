import { expect, it } from "vitest";
import type { Story, StoryStatus, Verdict } from "./model";
import { wayBack } from "./triage";

function story(status: StoryStatus, verdict: Verdict | null = null): Story {
  return {
    id: 1, signature_id: 1, signature: "s", title: { th: "ก", en: "a" }, severity: "low", status, suppression_id: null, verdict, assignee: null, facilities: 1, regions: 1, alerts_all: 1,
    facility_names: [], alerts: 1, attack: [], first_at: "2026-01-01T00:00:00Z", last_at: "2026-01-01T00:00:00Z", arrived_at: "2026-01-01T00:00:00Z",
  };
}

function check(now: Story, then: Story, actions: string[]): void {
  expect(wayBack(now, then).map((s) => s.action)).toEqual(actions);
}

it("taking_back_leads_to_how_the_story_stood", () => {
  check(story("acknowledged"), story("new"), ["reopen"]);
  check(story("closed", "true"), story("new"), ["reopen"]);
  check(story("closed", "true"), story("acknowledged"), ["reopen", "acknowledge"]);
  check(story("new"), story("closed", "false"), ["close"]);
  check(story("new"), story("new"), []);
});

it("what_is_taken_back_reaches_no_further_than_what_was_seen", () => {
  expect(wayBack(story("closed", "true"), story("new"))[0]?.up_to).toBe("2026-01-01T00:00:00Z");
});
