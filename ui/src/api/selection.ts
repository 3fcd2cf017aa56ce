// All stories that match, frozen by the centre, handled as one and taken back as one.
import { post } from "./client";
import type { Selection, SelectionOutcome, StoryAsk, Verdict } from "./model";

export type ManyJudgement =
  | { action: "acknowledge"; assignee?: string }
  | { action: "reopen" }
  | { action: "close"; verdict: Verdict; reason: string };

export function freeze(ask: StoryAsk): Promise<Selection> {
  return post<Selection>("/story-selections", ask);
}

export function judgeAll(frozen: Selection, judgement: ManyJudgement): Promise<SelectionOutcome> {
  return post<SelectionOutcome>(`/story-selections/${frozen.id}/triage`, judgement);
}

export function takeAllBack(frozen: Selection): Promise<SelectionOutcome> {
  return post<SelectionOutcome>(`/story-selections/${frozen.id}/undo`, {});
}
