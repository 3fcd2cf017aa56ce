// Where each of the 77 provinces has its tile: our own layout, no outlines. Columns and rows count from nothing.
import csv from "./province-tiles.csv?raw";

export type Tile = { code: string; short: string; region: number; column: number; row: number };

/** By place, in the order of the file. */
export const TILES: readonly Tile[] = csv
  .trim()
  .split(/\r?\n/)
  .slice(1)
  .map((line) => {
    const [code = "", , short = "", region = "0", column = "0", row = "0"] = line.split(",");
    return { code, short, region: Number(region), column: Number(column), row: Number(row) };
  });

/** The same tiles with one row a health region, regions from top to bottom. */
export function byRegion(tiles: readonly Tile[]): Tile[] {
  const filled = new Map<number, number>();
  return tiles.map((tile) => {
    const column = filled.get(tile.region) ?? 0;
    filled.set(tile.region, column + 1);
    return { ...tile, column: column + 1, row: tile.region - 1 };
  });
}
