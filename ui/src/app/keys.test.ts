import { expect, it } from "vitest";
import { letterOf } from "./keys.svelte";

it("a_key_is_where_it_is_on_the_keyboard_whatever_the_layout", () => {
  expect(letterOf({ key: "j", code: "KeyJ", shiftKey: false })).toBe("j");
  expect(letterOf({ key: "่", code: "KeyJ", shiftKey: false })).toBe("j");
  expect(letterOf({ key: "ฝ", code: "Slash", shiftKey: false })).toBe("/");
  expect(letterOf({ key: "ฦ", code: "Slash", shiftKey: true })).toBe("?");
  expect(letterOf({ key: "ใ", code: "Period", shiftKey: false })).toBe(".");
  expect(letterOf({ key: "Enter", code: "Enter", shiftKey: false })).toBe("Enter");
});
