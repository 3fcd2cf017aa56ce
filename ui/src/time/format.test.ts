import { describe, expect, it } from "vitest";
import { ago, clock, count, countAtLeast, date, dateTime, daysSince, dueDay, exact, isPast } from "./format";

const NOW = Date.parse("2026-11-24T02:14:00Z");
const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("dates", () => {
  it("a_thai_date_is_in_the_buddhist_era_on_thai_time", () => {
    expect(plain(dateTime("2026-11-24T02:14:00Z", "th"))).toBe("24 พ.ย. 2569 09:14 น.");
    expect(plain(dateTime("2026-12-31T18:30:00Z", "th"))).toBe("1 ม.ค. 2570 01:30 น.");
  });
  it("an_english_date_is_in_the_common_era_on_thai_time", () => {
    expect(plain(dateTime("2026-12-31T18:30:00Z", "en"))).toBe("1 Jan 2027 01:30");
  });
  it("no_line_can_break_inside_a_date", () => {
    expect(dateTime("2026-11-24T02:14:00Z", "th")).not.toContain(" ");
    expect(date("2026-11-24T02:14:00Z", "en")).not.toContain(" ");
  });
  it("the_exact_time_has_seconds_and_a_zone", () => {
    expect(plain(exact("2026-11-24T02:14:07.9Z", "th"))).toBe("24 พ.ย. 2569 09:14:07 น. (เวลาไทย)");
    expect(plain(exact("2026-11-24T02:14:07.9Z", "en"))).toBe("24 Nov 2026 09:14:07 Thai time (UTC+7)");
    expect(clock("2026-11-24T17:05:00Z")).toBe("00:05");
  });
  it("what_is_not_a_time_comes_back_as_it_was", () => {
    for (const bad of ["", "yesterday", "<b>"]) {
      expect([dateTime(bad, "th"), ago(bad, NOW, "th"), dueDay(bad, NOW, "en")]).toEqual([bad, bad, bad]);
    }
    expect(daysSince("never", NOW)).toBe(0);
    expect(isPast("never", NOW)).toBe(false);
  });
});

describe("relative times", () => {
  const cases: [number, string, string][] = [
    [-3_600, "เมื่อสักครู่", "just now"],
    [59, "เมื่อสักครู่", "just now"],
    [240, "4 นาทีก่อน", "4 min ago"],
    [7_199, "1 ชม.ก่อน", "1 h ago"],
    [3 * 86_400, "3 วันก่อน", "3 d ago"],
  ];
  it.each(cases)("%d_seconds_ago", (seconds, th, en) => {
    const at = new Date(NOW - seconds * 1000).toISOString();
    expect(plain(ago(at, NOW, "th"))).toBe(th);
    expect(plain(ago(at, NOW, "en"))).toBe(en);
  });
  it("a_due_day_is_counted_in_thai_days_not_in_hours", () => {
    expect(dueDay("2026-11-24T16:59:00Z", NOW, "th")).toBe("วันนี้");
    expect(dueDay("2026-11-24T17:00:00Z", NOW, "th")).toBe("พรุ่งนี้");
    expect(plain(dueDay("2026-11-27T10:00:00Z", NOW, "th"))).toBe("วันศุกร์ที่ 27 พ.ย. 2569");
    expect(plain(dueDay("2026-11-27T10:00:00Z", NOW, "en"))).toBe("Friday 27 Nov 2026");
  });
});

it("a_count_that_is_a_lower_bound_says_so", () => {
  expect(count(1234567)).toBe("1,234,567");
  expect(countAtLeast(10_000, false)).toBe("≥10,000");
  expect(countAtLeast(38, true)).toBe("38");
});
