import { expect, it } from "vitest";
import { bytesOf, covered, hexRows, textRuns } from "./hex";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it("a_hex_string_becomes_bytes_and_anything_else_nothing", () => {
  expect(bytesOf("00 ff0a")).toEqual(Uint8Array.from([0, 255, 10]));
  expect([bytesOf("0"), bytesOf("zz")]).toEqual([null, null]);
});

it("marks_that_reach_past_the_end_are_cut", () => {
  expect(covered(3, [[2, 100]])).toEqual([false, false, true]);
  expect(covered(2, [[-5, 6], [9, 1]])).toEqual([true, false]);
});

it("a_row_shows_offset_bytes_and_characters_with_the_match_marked", () => {
  const rows = hexRows(bytes("GET /a\r\n"), 0x40, [[4, 2]], 8);
  expect(rows).toHaveLength(1);
  expect(rows[0]?.offset).toBe("00000040");
  expect(rows[0]?.hex).toEqual([{ text: "47 45 54 20  ", marked: false }, { text: "2f 61", marked: true }, { text: " 0d 0a", marked: false }]);
  expect(rows[0]?.ascii).toEqual([{ text: "GET ", marked: false }, { text: "/a", marked: true }, { text: "..", marked: false }]);
});

it("a_short_last_row_keeps_its_width", () => {
  const [full, short] = hexRows(bytes("0123456789"), 0, [], 8);
  const width = (runs: readonly { text: string }[] | undefined): number => (runs ?? []).reduce((n, r) => n + r.text.length, 0);
  expect(width(short?.hex)).toBe(width(full?.hex));
});

it("the_text_view_keeps_thai_and_shows_control_bytes_as_dots", () => {
  expect(textRuns(bytes("ก\u0000ข"), [])).toEqual([{ text: "ก·ข", marked: false }]);
  expect(textRuns(Uint8Array.from([0xff, 0x41]), [[1, 1]])).toEqual([{ text: "·", marked: false }, { text: "A", marked: true }]);
});
