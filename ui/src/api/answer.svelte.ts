// One answer of the centre that a page shows: asked when its path changes, cancelled when it changes again.
import { untrack } from "svelte";
import { get, Refusal } from "./client";
import { keep, keptAnswer } from "./kept";

export class Answer<T> {
  data = $state.raw<T | undefined>();
  refusal = $state.raw<Refusal | undefined>();
  loading = $state(true);
  #path: string | null = null;
  #asking: AbortController | null = null;

  /** `path` is watched; null asks nothing. Call while a component is set up. */
  constructor(path: () => string | null) {
    $effect(() => {
      const wanted = path();
      untrack(() => this.#turnTo(wanted));
    });
    $effect(() => () => this.#asking?.abort());
  }

  /** Asks again and keeps showing what is there meanwhile. */
  async again(): Promise<void> {
    const path = this.#path;
    if (path === null) return;
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.loading = true;
    try {
      const data = await get<T>(path, asking.signal);
      if (asking.signal.aborted) return;
      this.data = data;
      this.refusal = undefined;
      keep(path, data);
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
    this.data = path === null ? undefined : keptAnswer<T>(path);
    this.loading = path !== null;
    if (path !== null) void this.again();
  }
}
