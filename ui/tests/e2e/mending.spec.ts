// The founding story, as the hospital sees it: a weakness, the advice, ทำแล้ว, and the network itself says that it is gone.
import { expect, test } from "@playwright/test";
import { at, keptFacility, mendedAt, pageOf } from "./sector";

/** The played traffic mends its hosts within this. */
const MENDED_WITHIN_MS = Number(process.env["PHITAK_MEND_MS"] ?? 300_000);

test("a hospital follows the advice, presses ทำแล้ว, and sees it become ยืนยันแล้ว", async ({ browser }) => {
  test.setTimeout(MENDED_WITHIN_MS + 120_000);
  const page = await pageOf(browser, "hospital");
  await page.goto(at("/care"));
  await expect(page.locator(".banner h1")).toBeVisible();
  const more = page.getByRole("button", { name: /^แสดงอีก/ });
  if (await more.isVisible()) await more.click();

  const open = page.locator('article.finding[data-state="open"]');
  const mended = mendedAt(keptFacility());
  await expect(open.first()).toBeVisible();
  const ids = await open.evaluateAll((cards) => cards.map((c) => c.id));

  // The first is read with care; without knowing which host the traffic mends, the others are answered too.
  const answered: string[] = [];
  for (const id of ids) {
    const card = page.locator(`#${id}`);
    const show = card.getByRole("button", { name: /^ดูวิธีทำ/ });
    if (await show.isVisible()) await show.click();
    const address = (await card.locator(".machines").textContent()) ?? "";
    const kind = await card.getAttribute("data-kind");
    if (mended && !mended.some((m) => m.kind === kind && address.split(/[^\d.]/).includes(m.address))) continue;
    await expect(card.locator("ol li").first()).toBeVisible();
    for (const said of ["เกิดอะไรขึ้น", "ทำไมจึงสำคัญ", "ทำอย่างไร", "รู้ได้อย่างไรว่าเสร็จ"]) await expect(card.locator("dl > dt").filter({ hasText: said })).toBeVisible();
    await card.getByRole("button", { name: "ทำแล้ว", exact: true }).click();
    await expect(card).toHaveAttribute("data-state", /claimed|verified/);
    if (answered.length === 0) await expect(card).toContainText(/รอระบบยืนยัน|ยืนยันแล้ว/);
    answered.push(id);
  }
  expect(answered.length, "the played traffic has mended everything already: start with ./run --fresh").toBeGreaterThan(0);

  // No reload: the page changes by itself when the traffic has shown it.
  const proved = page.locator(answered.map((id) => `#${id}[data-state="verified"]`).join(", "));
  await expect(proved.first()).toBeVisible({ timeout: MENDED_WITHIN_MS });
  await expect(proved.first()).toContainText("ยืนยันแล้ว");
});

test("ทำไม่ได้ asks for a reason, and the answer can be changed", async ({ browser }) => {
  const page = await pageOf(browser, "administrator");
  const facilities = await page.request.get(at("/api/v1/findings?state=open&limit=200"));
  const { items } = (await facilities.json()) as { items: { id: number; facility: { code: string }; response: string | null }[] };
  const finding = items.find((f) => f.facility.code !== keptFacility() && f.response === null);
  expect(finding, "the played traffic leaves weaknesses open").toBeTruthy();
  await page.goto(at(`/h/${finding?.facility.code}?item=${finding?.id}`));
  const card = page.locator(`#finding-${finding?.id}`);
  await card.getByRole("button", { name: "ทำไม่ได้ เพราะ…" }).click();
  await card.getByRole("button", { name: "ส่ง" }).click();
  await expect(card.getByRole("alert")).toContainText("กรุณาบอกเหตุผล");
  await card.getByLabel("ต้องรอผู้ขายระบบ").check();
  await card.getByRole("button", { name: "ส่ง" }).click();
  await expect(card).toContainText("ต้องรอผู้ขายระบบ");
  await card.getByRole("button", { name: "เปลี่ยนคำตอบ" }).click();
  await card.getByRole("button", { name: "ต้องการความช่วยเหลือ" }).click();
  await card.getByRole("button", { name: "ส่ง" }).click();
  await expect(card).toContainText("ถ้าเร่งด่วน โทรหาเราได้ทันที");
});

test("the hospital sees all that leaves it, and prints its page", async ({ browser }) => {
  const page = await pageOf(browser, "hospital");
  await page.goto(at("/care"));
  await page.getByRole("button", { name: /^ดูทุกช่องที่ส่งออก/ }).click();
  await expect(page.locator("dialog[open] tbody tr").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await page.emulateMedia({ media: "print" });
  await expect(page.locator("header .end")).toBeHidden();
  await expect(page.locator(".printed")).toBeVisible();
});
