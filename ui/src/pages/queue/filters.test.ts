import { describe, expect, it } from "vitest";
import { isFiltered, readFilters, storiesPath } from "./filters";

function check(query: string, path: string): void {
  expect(decodeURIComponent(storiesPath(readFilters(new URLSearchParams(query))))).toBe(path);
}

describe("the queue's address", () => {
  it("without_filters_asks_for_what_waits_in_the_last_day", () => {
    check("", "/stories?status=new,acknowledged&since=24h");
    expect(isFiltered(readFilters(new URLSearchParams()))).toBe(false);
  });
  it("carries_every_filter", () => {
    check("status=closed&severity=critical,high&since=7d&region=13&facility=F0000001&signature=9200001&q=smb", "/stories?status=closed&severity=critical,high&since=7d&region=13&facility=F0000001&signature=9200001&q=smb");
  });
  it("drops_words_that_it_does_not_know", () => {
    check("status=bogus&severity=worst&since=forever&region=14&signature=1;drop", "/stories?status=new,acknowledged&since=24h");
  });
  it("keeps_hostile_values_as_values", () => {
    check("facility=a%26status%3Dclosed", "/stories?status=new,acknowledged&since=24h&facility=a&status=closed");
    expect(storiesPath(readFilters(new URLSearchParams("facility=a%26status%3Dclosed")))).toContain("facility=a%26status%3Dclosed");
  });
});
