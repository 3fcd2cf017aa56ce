import { describe, expect, it } from "vitest";

import { troubleIn } from "./health.svelte";

describe("what the health route says", () => {
  it("is read by its code", () => {
    expect(troubleIn({ error: { code: "database_away", what: "x" } })).toBe("database_away");
    expect(troubleIn({ error: { code: "no_space" } })).toBe("no_space");
  });
  it("is nothing when all is well, or when somebody else answered", () => {
    for (const body of [{ status: "ok" }, { error: { code: "other" } }, { error: null }, null, "x", 5]) expect(troubleIn(body)).toBeNull();
  });
});
