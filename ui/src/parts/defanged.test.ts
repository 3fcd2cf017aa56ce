import { expect, it } from "vitest";
import { defanged } from "./defanged";

it("a_hostile_address_can_no_longer_be_clicked", () => {
  expect(defanged("https://evil.example/a.b?c=d.e")).toBe("hxxps://evil[.]example/a.b?c=d.e");
  expect(defanged("203.0.113.7")).toBe("203[.]0[.]113[.]7");
  expect(defanged("a@evil.example")).toBe("a[@]evil[.]example");
  expect(defanged("")).toBe("");
});
