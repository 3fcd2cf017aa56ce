// Judging stories, one or many, and taking it back. Each is judged up to what its reader saw, never beyond.
import { post, Refusal } from "./client";
import type { Story, Triage, Verdict } from "./model";

/** Requests at once, so that a large selection neither waits for each nor floods the centre. */
const AT_ONCE = 4;

export type Judgement = { action: "acknowledge" | "reopen" } | { action: "close"; verdict: Verdict; reason: string };
export type Judged = { done: { before: Story; after: Story }[]; failed: { story: Story; what: string }[] };

export async function judge(stories: readonly Story[], judgement: Judgement): Promise<Judged> {
  return each(stories, (story) => [triage(story, judgement)]);
}

/** Back to how each story stood before. */
export async function takeBack(judged: Judged): Promise<Judged> {
  const before = new Map(judged.done.map((d) => [d.after.id, d.before]));
  return each(judged.done.map((d) => d.after), (story) => wayBack(story, before.get(story.id) ?? story));
}

/** The judgements that lead from `now` to `then`, in order. */
export function wayBack(now: Story, then: Story): Triage[] {
  if (now.status === then.status) return [];
  const reopen = triage(now, { action: "reopen" });
  if (then.status === "new") return [reopen];
  if (then.status === "acknowledged") return now.status === "closed" ? [reopen, triage(now, { action: "acknowledge" })] : [triage(now, { action: "acknowledge" })];
  return then.verdict ? [triage(now, { action: "close", verdict: then.verdict, reason: "" })] : [];
}

function triage(story: Story, judgement: Judgement): Triage {
  const up_to = story.arrived_at;
  if (judgement.action !== "close") return { action: judgement.action, up_to };
  const { verdict, reason } = judgement;
  return reason.trim() ? { action: "close", verdict, reason: reason.trim(), up_to } : { action: "close", verdict, up_to };
}

async function each(stories: readonly Story[], steps: (story: Story) => Triage[]): Promise<Judged> {
  const judged: Judged = { done: [], failed: [] };
  const left = [...stories];
  const work = async (): Promise<void> => {
    for (let story = left.shift(); story; story = left.shift()) {
      const before = story;
      try {
        let after = before;
        for (const step of steps(before)) after = await post<Story>(`/stories/${before.id}/triage`, step);
        judged.done.push({ before, after });
      } catch (error) {
        judged.failed.push({ story: before, what: error instanceof Refusal ? error.what : String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return judged;
}
