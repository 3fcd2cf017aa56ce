import { expect, it } from "vitest";
import { KEPT_WHOLE } from "./kept-whole";
import { runs } from "./whole-words";

function check(text: string, whole: string[]): void {
  const got = runs(text);
  expect(got.map((r) => r.text).join("")).toBe(text);
  expect(got.filter((r) => r.whole).map((r) => r.text)).toEqual(whole);
}

it("the_words_that_the_dictionary_splits_stay_whole", () => {
  check("เข้าเครือข่ายโรงพยาบาลในต่างประเทศแล้ว", ["เครือข่าย", "โรงพยาบาล", "ต่างประเทศ"]);
  check("แล้วไปถึงระบบเวชระเบียน", ["เวชระเบียน"]);
});

it("codes_addresses_and_versions_stay_whole", () => {
  check("ที่เครื่อง PHARM-02 (10.4.0.9:3306) ใช้ TLS-1.0", ["PHARM-02", "10.4.0.9:3306", "TLS-1.0"]);
});

it("a_number_stays_with_its_unit", () => {
  check("412 ไฟล์ภายใน 90 วินาที", ["412 ไฟล์", "90 วินาที"]);
});

it("text_that_has_no_such_word_is_one_run", () => {
  check("", []);
  check("ปกติ", []);
  expect(runs("hello world")).toEqual([{ text: "hello world", whole: false }]);
});

it("a_very_long_code_may_break_so_that_no_page_grows_wide", () => {
  check(`${"a-".repeat(200)}b`, []);
});

it("every_kept_word_is_kept_in_a_sentence_of_its_own", () => {
  for (const word of KEPT_WHOLE) expect(runs(word).every((r) => r.whole), word).toBe(true);
});

it("hostile_text_stays_text", () => {
  check("<script>alert(1)</script>", []);
});
