// The journey of a warning, by keyboard alone: written and sent by an analyst, answered by a hospital, chased where nobody does.
import { expect, test } from "@playwright/test";
import { axe } from "./axe";
import { at, get, keptFacility, pageOf, tabTo, warnEverybody } from "./sector";

test("a warning is written, sent and answered by keyboard alone, and both pages change by themselves", async ({ browser }) => {
  test.setTimeout(180_000);
  const code = keptFacility();
  const hospital = await pageOf(browser, "hospital");
  await hospital.goto(at("/care"));
  await expect(hospital.locator(".banner h1")).toBeVisible();

  const page = await pageOf(browser, "analyst");
  await page.goto(at("/overview"));
  await expect(page.locator("h1")).toBeVisible();
  await page.keyboard.press("g");
  await page.keyboard.press("b");
  await expect(page).toHaveURL(/\/bulletins$/);
  // Its keys are there with the page, which comes a moment after its address.
  await expect(page.locator('a[href="/bulletins/new"]').first()).toBeVisible();
  await page.keyboard.press("n");
  await expect(page).toHaveURL(/\/bulletins\/new/);

  await tabTo(page, 'input[name="check-kind"]');
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "#check-protocol");
  await page.keyboard.type("smb");
  const title = `ปิดการแชร์ไฟล์แบบเก่า ${Date.now().toString(36)}`;
  for (const [field, words] of [["#title-th", title], ["#what-th", "มีคนร้ายใช้ทางนี้เข้าเครือข่าย"], ["#why-th", "ระบบเวชระเบียนอาจหยุด"], ["#step-0-th", "ปิดการแชร์ไฟล์แบบเก่า"]] as const) {
    await tabTo(page, field);
    await page.keyboard.type(words);
  }
  await expect(page.locator(".preview h3")).toContainText(title);
  await expect(page.locator(".preview")).toContainText("ระบบเวชระเบียนอาจหยุด");
  await expect(page.locator("[data-concerned]")).toBeVisible();
  expect(await axe(page), "writing").toEqual([]);
  await tabTo(page, ".all input");
  await page.keyboard.press("Space");
  const { facilities_total } = await get<{ facilities_total: number }>(page.context(), "/overview");
  const send = page.locator(".side .ends .button.primary");
  await expect(send).toHaveText(`ส่งถึง ${facilities_total} โรงพยาบาล`);
  await expect(send).toBeEnabled();
  await tabTo(page, ".side .ends .button.primary");
  await page.keyboard.press("Enter");
  const sheet = page.locator("dialog[open]");
  await expect(sheet).toContainText(`ส่งคำเตือนถึง ${facilities_total} โรงพยาบาล`);
  expect(await axe(page), "asking once").toEqual([]);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/bulletins\/\d+$/);
  const id = Number(/\d+$/.exec(page.url())?.[0]);
  const part = page.locator(`tr[data-facility="${code}"]`);
  await expect(part).toHaveAttribute("data-part", "sent");
  expect(await axe(page), "sent").toEqual([]);

  // No reload: the card comes to the hospital by itself.
  const more = hospital.getByRole("button", { name: /^แสดงอีก/ });
  const card = hospital.locator(`#bulletin-${id}`);
  await expect(async () => {
    if (await more.isVisible()) await more.click();
    await expect(card).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
  await expect(card).toContainText(title);
  if ((await card.locator("dl").count()) === 0) {
    await tabTo(hospital, `#bulletin-${id} .foot .button`);
    await hospital.keyboard.press("Enter");
  }
  for (const words of ["เกิดอะไรขึ้น", "ทำไมจึงสำคัญ", "ทำอย่างไร", "ใครทำ", "รู้ได้อย่างไรว่าเสร็จ"]) await expect(card.locator("dl > dt").filter({ hasText: words })).toBeVisible();
  expect(await axe(hospital), "the hospital's card").toEqual([]);
  await hospital.evaluate(() => document.getElementById("main")?.focus());
  await tabTo(hospital, `#bulletin-${id} .answers .button.primary`);
  await expect(hospital.locator(":focus")).toHaveText("รับทราบ");
  await hospital.keyboard.press("Enter");
  await expect(card).toHaveAttribute("data-state", "acknowledged");
  await expect(part).toHaveAttribute("data-part", "acknowledged");

  await tabTo(hospital, `#bulletin-${id} .answers .row .button`);
  await expect(hospital.locator(":focus")).toHaveText("ทำแล้ว");
  await hospital.keyboard.press("Enter");
  await expect(card).toHaveAttribute("data-state", /claimed|verified|reopened/);
  await expect(part).toHaveAttribute("data-part", /done|verified|reopened/);
  if ((await card.locator("dl").count()) === 0) {
    await tabTo(hospital, `#bulletin-${id} .foot .button`);
    await hospital.keyboard.press("Enter");
  }
  const useful = card.getByRole("button", { name: "มีประโยชน์", exact: true });
  await useful.focus();
  await hospital.keyboard.press("Enter");
  await expect(useful).toHaveAttribute("aria-pressed", "true");
  await expect(part).toContainText("มีประโยชน์");
});

test("who does not answer is chased up to the sector, on the overview and in the history", async ({ browser }) => {
  test.setTimeout(120_000);
  const page = await pageOf(browser, "analyst");
  const id = await warnEverybody(page.context(), `เตือนทุกแห่ง ${Date.now().toString(36)}`);
  await page.goto(at("/overview"));
  // A day is played in 20 seconds here, so the chase is at its end within them; the page follows by itself.
  await expect(page.locator('.warnings li[data-level="3"]').first()).toBeVisible({ timeout: 60_000 });
  await expect(page.locator(".warnings")).toContainText("แจ้งศูนย์แล้ว");
  await page.goto(at(`/bulletins/${id}`));
  for (const level of ["ส่งถึงโรงพยาบาลซ้ำแล้ว", "แจ้งจังหวัดและเขตแล้ว", "แจ้งศูนย์แล้ว"]) await expect(page.locator(".history .chased").filter({ hasText: level }).first()).toBeVisible({ timeout: 60_000 });
  await page.emulateMedia({ media: "print" });
  await expect(page.locator(".actions")).toBeHidden();
  await expect(page.locator("tr[data-facility]").first()).toBeVisible();
  await page.emulateMedia({ media: null });

  // Closed with a reason, by keyboard; the hospitals' pages lose it.
  await page.keyboard.press("c");
  await expect(page.locator("#close-why")).toBeFocused();
  await page.keyboard.type("จบแล้ว");
  await tabTo(page, "dialog .ends .primary");
  await page.keyboard.press("Enter");
  await expect(page.locator("header .tag")).toHaveText("ปิดแล้ว");
});

test("a list of warnings is narrowed by address, and one that was sent cannot be rewritten", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  const id = await warnEverybody(page.context(), "เตือนครั้งเดียว");
  await page.goto(at("/bulletins?unanswered=true&severity=high"));
  await expect(page.locator(`tr[data-bulletin="${id}"]`)).toBeVisible();
  await page.goto(at("/bulletins?severity=low"));
  await expect(page.locator(`tr[data-bulletin="${id}"]`)).toHaveCount(0);
  await page.goto(at(`/bulletins/${id}/edit`));
  await expect(page.getByText("คำเตือนนี้ส่งแล้ว แก้ข้อความไม่ได้")).toBeVisible();
});
