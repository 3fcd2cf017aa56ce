import { expect, it } from "vitest";
import { pieces } from "./advice";

it("commands stand between backticks", () => {
  expect(pieces("พิมพ์ `ss -ltnp` แล้วดู")).toEqual([{ text: "พิมพ์ ", command: false }, { text: "ss -ltnp", command: true }, { text: " แล้วดู", command: false }]);
});

it("a lone backtick is a character and nothing is lost", () => {
  for (const text of ["", "a ` b", "``", "`a` ` `b`", "<b>`<i>`"]) {
    const joined = pieces(text).map((p) => (p.command ? `\`${p.text}\`` : p.text)).join("");
    expect(joined).toBe(text);
  }
});
