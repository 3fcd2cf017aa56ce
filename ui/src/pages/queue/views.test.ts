import { expect, it } from "vitest";
import { readFilters } from "./filters";
import { addressOf, askOf, isShown } from "./views";

const read = (query: string): ReturnType<typeof readFilters> => readFilters(new URLSearchParams(query));

it("a_view_comes_back_as_it_was_saved", () => {
  for (const query of ["", "status=closed&severity=high,critical&since=7d", "region=4&technique=T1021.002&facility=10665&signature=2019401&q=%26%3Dก", "since=all&status=suppressed"]) {
    const filters = read(query);
    const ask = askOf(filters);
    expect(isShown(ask, filters)).toBe(true);
    const address = Object.entries(addressOf(ask)).flatMap(([name, value]) => (value ? [[name, value]] : []));
    expect(readFilters(new URLSearchParams(address))).toEqual(filters);
  }
});

it("a_view_names_every_part_of_the_address_so_that_nothing_of_the_last_one_stays", () => {
  expect(addressOf(askOf(read("")))).toEqual({ status: null, severity: "", since: null, region: "", facility: "", signature: "", technique: "", q: "" });
  expect(isShown(askOf(read("q=a")), read("q=b"))).toBe(false);
});
