// A long list of the centre, page by page: the first page when the question changes, the next when the reader asks.
import { untrack } from "svelte";
import { get, Refusal, withQuery } from "./client";
import { keep, keptAnswer } from "./kept";
import type { AuditChain, Page } from "./model";

export const PAGE_ROWS = 50;
/** More rows than this help nobody and slow the page: then it asks to narrow the question. */
export const ROWS_MAX = 1000;

export class List<T extends object> {
  items = $state.raw<T[]>([]);
  total = $state<number | undefined>();
  total_exact = $state(true);
  latest_at = $state<string | null>(null);
  /** Of the audit alone: its end, by which it can be verified. */
  chain = $state.raw<AuditChain | undefined>();
  refusal = $state.raw<Refusal | undefined>();
  loading = $state(true);
  loaded = $state(false);
  #next = $state<string | null>(null);
  #path: string | null = null;
  #asking: AbortController | null = null;

  /** `path` is watched, without cursor and limit; null asks nothing. Call while a component is set up. */
  constructor(path: () => string | null) {
    $effect(() => {
      const wanted = path();
      untrack(() => this.#turnTo(wanted));
    });
    $effect(() => () => this.#asking?.abort());
  }

  get has_more(): boolean {
    return this.#next !== null && this.items.length < ROWS_MAX;
  }

  get too_long(): boolean {
    return this.#next !== null && this.items.length >= ROWS_MAX;
  }

  /** The first page, asked again. */
  async again(): Promise<void> {
    const path = this.#path;
    if (path === null) return;
    await this.#ask(page(path, null), (answer) => this.#begin(path, answer));
  }

  /** The next page, added below. */
  async more(): Promise<void> {
    if (this.#path === null || !this.has_more || this.loading) return;
    await this.#ask(page(this.#path, this.#next), (answer) => {
      this.items = [...this.items, ...answer.items].slice(0, ROWS_MAX);
      this.#next = answer.next_cursor;
    });
  }

  /** The first page as it is now, without showing it. Null when it cannot be had. */
  async look(): Promise<Page<T> | null> {
    if (this.#path === null) return null;
    try {
      return await get<Page<T>>(page(this.#path, null));
    } catch {
      return null;
    }
  }

  /** Shows a first page that was looked at before. */
  show(answer: Page<T>): void {
    if (this.#path !== null) this.#begin(this.#path, answer);
  }

  #begin(path: string, answer: Page<T>): void {
    this.items = answer.items;
    this.#next = answer.next_cursor;
    this.total = answer.total;
    this.total_exact = answer.total_exact ?? true;
    this.latest_at = answer.latest_at ?? null;
    this.chain = answer.chain;
    this.loaded = true;
    keep(path, answer);
  }

  async #ask(path: string, take: (answer: Page<T>) => void): Promise<void> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.loading = true;
    try {
      const answer = await get<Page<T>>(path, asking.signal);
      if (asking.signal.aborted) return;
      take(answer);
      this.refusal = undefined;
    } catch (error) {
      if (asking.signal.aborted) return;
      this.refusal = error instanceof Refusal ? error : new Refusal("network", 0, "network", String(error));
    }
    this.loading = false;
  }

  #turnTo(path: string | null): void {
    if (path === this.#path) return;
    this.#path = path;
    this.#asking?.abort();
    this.refusal = undefined;
    const kept = path === null ? undefined : keptAnswer<Page<T>>(path);
    if (path !== null && kept) this.#begin(path, kept);
    else {
      this.items = [];
      this.loaded = false;
      this.total = undefined;
      this.#next = null;
    }
    this.loading = path !== null;
    if (path !== null) void this.again();
  }
}

function page(path: string, cursor: string | null): string {
  const [bare = "", query = ""] = path.split("?");
  const given = Object.fromEntries(new URLSearchParams(query));
  return withQuery(bare, { ...given, cursor, limit: PAGE_ROWS });
}
