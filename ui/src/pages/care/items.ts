// How a hospital's list is laid out: what to do, what waits for proof, what the centre goes on with, what is proved.
import type { Care, CareItem } from "../../api/model";

/** On the first screen; the rest waits behind a button. */
export const TODO_FIRST = 3;

export type Parts = { todo: CareItem[]; waiting: CareItem[]; answered: CareItem[]; verified: CareItem[] };

/** Whether the hospital answers it by buttons. */
export function answerable(item: CareItem): boolean {
  return item.type === "finding" || item.type === "bulletin";
}

/** A warning that the hospital has answered so that the centre goes on with it. */
export function inCentresHands(item: CareItem): boolean {
  return item.bulletin !== null && ["not_ours", "cannot", "need_help"].includes(item.bulletin.state);
}

export function partsOf(care: Care): Parts {
  const parts: Parts = { todo: [], waiting: [], answered: [], verified: [] };
  for (const item of care.items) {
    if (item.state === "verified") parts.verified.push(item);
    else if (inCentresHands(item)) parts.answered.push(item);
    else if (item.state === "claimed") parts.waiting.push(item);
    else parts.todo.push(item);
  }
  return parts;
}

/** What names an item on the page. */
export function keyOf(item: CareItem): string {
  return `${item.type}-${item.id}`;
}

/** The most telling change between two looks at the page, for those who hear it. */
export function newsOf(before: Care, after: Care): "verified" | "reopened" | "other" | null {
  const was = new Map(before.items.map((i) => [keyOf(i), i.state]));
  let news: "other" | null = before.state === after.state && before.items.length === after.items.length ? null : "other";
  for (const item of after.items) {
    const then = was.get(keyOf(item));
    if (then === item.state) continue;
    if (item.state === "verified") return "verified";
    if (item.state === "reopened") return "reopened";
    news = "other";
  }
  return news;
}

/** A number to press on a phone. */
export function telephone(phone: string): string {
  return `tel:${phone.replace(/[^\d+]/g, "")}`;
}
