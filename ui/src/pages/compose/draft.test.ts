import { expect, it } from "vitest";
import { addressesOf, checkOf, draftOf, emptyForm, formOf } from "./draft";

it("addresses are read as people paste them", () => {
  expect(addressesOf("203.0.113.5, 203.0.113[.]6\n\n2001:db8::1 ")).toEqual(["203.0.113.5", "203.0.113.6", "2001:db8::1"]);
});

it("a check that says nothing is none", () => {
  const form = emptyForm();
  for (const kind of ["indicators", "weakness", "service"] as const) expect(checkOf({ ...form, kind })).toBeNull();
  for (const port of ["0", "65536", "x", "1.5"]) expect(checkOf({ ...form, kind: "service", port })).toBeNull();
  expect(checkOf({ ...form, kind: "service", port: "23" })).toMatchObject({ kind: "service", port: 23, protocol: null });
});

it("a draft is the same after it was in the form", () => {
  const form = { ...emptyForm(), title: { th: "ก", en: "" }, kind: "service" as const, protocol: "telnet", port: "23" };
  const check = checkOf(form);
  if (!check) throw new Error("it says what it is about");
  const draft = draftOf(form, check);
  expect(draft.steps).toEqual([]);
  const back = formOf(draft);
  expect(draftOf(back, checkOf(back) ?? check)).toEqual(draft);
});
