import { expect, it } from "vitest";
import { byRegion, TILES } from "./tiles";

it("there_are_77_provinces_and_no_two_share_a_place", () => {
  for (const tiles of [TILES, byRegion(TILES)]) {
    expect(tiles).toHaveLength(77);
    expect(new Set(tiles.map((t) => `${t.column},${t.row}`)).size).toBe(77);
  }
});
