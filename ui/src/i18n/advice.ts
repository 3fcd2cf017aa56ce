// Advice as it is written by the centre: plain words with commands between backticks.

export type Piece = { text: string; command: boolean };

/** A backtick without its partner is a character like any other. */
export function pieces(advice: string): Piece[] {
  const out: Piece[] = [];
  let at = 0;
  for (const match of advice.matchAll(/`([^`]+)`/g)) {
    if (match.index > at) out.push({ text: advice.slice(at, match.index), command: false });
    out.push({ text: match[1] ?? "", command: true });
    at = match.index + match[0].length;
  }
  if (at < advice.length) out.push({ text: advice.slice(at), command: false });
  return out;
}
