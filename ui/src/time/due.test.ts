import { describe, expect, it } from "vitest";
import { fromField, left, span, toField } from "./due";

const MINUTE = 60_000;
const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("a span", () => {
  it.each([
    [0, "0 นาที"],
    [59_999, "0 นาที"],
    [4 * MINUTE, "4 นาที"],
    [60 * MINUTE, "1 ชม."],
    [-(5 * 60 + 20) * MINUTE, "5 ชม. 20 นาที"],
    [24 * 60 * MINUTE, "1 วัน"],
    [(15 * 24 + 3) * 60 * MINUTE + MINUTE, "15 วัน 3 ชม."],
  ])("of %i ms is %s", (ms, said) => expect(plain(span(ms, "th"))).toBe(said));
  it("has the same two units in English", () => expect(plain(span((2 * 24 + 3) * 60 * MINUTE, "en"))).toBe("2 d 3 h"));
});

describe("a field", () => {
  it.each([
    ["2026-12-31T17:00:00Z", "2027-01-01T00:00"],
    ["2028-02-28T17:30:00.000000Z", "2028-02-29T00:30"],
  ])("shows %s on Thai time and gives it back", (iso, field) => {
    expect(toField(iso)).toBe(field);
    expect(Date.parse(fromField(field))).toBe(Date.parse(iso));
  });
  it("gives nothing for what is no moment", () => {
    for (const text of ["", "2026-12-31", "tomorrow", "2026-13-01T00:00"]) expect(fromField(text)).toBe("");
    expect(toField("never")).toBe("");
  });
  it("knows what has passed", () => {
    expect(left("2026-11-24T00:00:00Z", Date.parse("2026-11-24T01:00:00Z"))).toBe(-60 * MINUTE);
  });
});
