// Evidence bytes as people read them: a hex dump beside its characters, and as text, both with the match marked.

export type Run = { text: string; marked: boolean };
export type HexRow = { offset: string; hex: Run[]; ascii: Run[] };

/** Bytes of a hex string; null when it is not one. */
export function bytesOf(hex: string): Uint8Array | null {
  const bare = hex.replace(/\s+/g, "");
  if (bare.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(bare)) return null;
  return Uint8Array.from({ length: bare.length / 2 }, (_, i) => Number.parseInt(bare.slice(i * 2, i * 2 + 2), 16));
}

/** For each byte whether a mark covers it; marks that reach past the end are cut. */
export function covered(length: number, marks: readonly (readonly number[])[]): boolean[] {
  const out = new Array<boolean>(length).fill(false);
  for (const [start = 0, size = 0] of marks) {
    for (let i = Math.max(0, start); i < Math.min(length, start + size); i += 1) out[i] = true;
  }
  return out;
}

/** Rows of `width` bytes; a gap after half a row. `offset` is that of the first byte in its buffer. */
export function hexRows(bytes: Uint8Array, offset: number, marks: readonly (readonly number[])[], width: number): HexRow[] {
  const marked = covered(bytes.length, marks);
  const rows: HexRow[] = [];
  for (let start = 0; start < bytes.length; start += width) {
    const hex: Run[] = [];
    const ascii: Run[] = [];
    for (let i = start; i < start + width; i += 1) {
      const gap = i === start ? "" : i === start + width / 2 ? "  " : " ";
      const byte = bytes[i];
      if (byte === undefined) {
        add(hex, `${gap}  `, false);
        continue;
      }
      const here = marked[i] ?? false;
      // The space between two marked bytes is marked too; the one before a mark is not.
      add(hex, gap, here && i > start && (marked[i - 1] ?? false));
      add(hex, byte.toString(16).padStart(2, "0"), here);
      add(ascii, byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".", here);
    }
    rows.push({ offset: (offset + start).toString(16).padStart(8, "0"), hex, ascii });
  }
  return rows;
}

/** The bytes as UTF-8 text in runs; what cannot be shown is a middle dot. */
export function textRuns(bytes: Uint8Array, marks: readonly (readonly number[])[]): Run[] {
  const marked = covered(bytes.length, marks);
  const out: Run[] = [];
  let start = 0;
  for (let i = 1; i <= bytes.length; i += 1) {
    if (i < bytes.length && marked[i] === marked[start]) continue;
    const text = new TextDecoder("utf-8").decode(bytes.subarray(start, i)).replace(/\r\n/g, "\n").replace(/[^\P{C}\n\t]|\ufffd/gu, "·");
    out.push({ text, marked: marked[start] ?? false });
    start = i;
  }
  return out;
}

function add(runs: Run[], text: string, marked: boolean): void {
  if (!text) return;
  const last = runs.at(-1);
  if (last && last.marked === marked) last.text += text;
  else runs.push({ text, marked });
}
