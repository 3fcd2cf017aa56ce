// The journey of a case by keyboard alone: opened from the queue in two presses, worked on, its part done by the hospital.
import { expect, test } from "@playwright/test";
import { axe } from "./axe";
import { ask, at, get, keptFacility, pageOf, tabTo } from "./sector";

type Clock = { id: number; state: string };
type Case = { id: number; number: string; facilities: { code: string }[]; tasks: { id: number; facility: { code: string } | null }[]; clocks: Clock[] };

test("a case is opened from the queue in two presses and closed when the law is served, by keyboard alone", async ({ browser }) => {
  test.setTimeout(180_000);
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/queue?since=all"));
  await expect(page.locator(".rows li").first()).toBeVisible();
  await page.keyboard.press("e");
  await expect(page).toHaveURL(/\/cases\/new\?stories=\d+/);
  await expect(page.locator("#open-case")).toBeFocused();
  expect(await axe(page), "opening").toEqual([]);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/cases\/\d+$/);
  const id = Number(/\d+$/.exec(page.url())?.[0]);
  const opened = await get<Case>(page.context(), `/cases/${id}`);
  expect(opened.number).toMatch(/^25\d\d-\d{4}$/);
  await expect(page.locator('[data-clock="ncsa-24h"]').first()).toContainText("ข้อ 5");
  await expect(page.locator('[data-clock="ncsa-24h"]').first()).toContainText(/เหลือ\s(1\sวัน|23\sชม\.)/);
  expect(await axe(page), "the case").toEqual([]);

  await page.keyboard.press("b");
  const sheet = page.locator("dialog[open]");
  await expect(sheet).toBeVisible();
  await tabTo(page, "dialog[open] .button.primary");
  await page.keyboard.press("Enter");
  await expect(page.locator("[data-task]").first()).toBeVisible();
  await page.keyboard.press("m");
  await expect(sheet.locator("textarea")).toBeFocused();
  await page.keyboard.type("เห็นเครื่องเดียว");
  await tabTo(page, "dialog[open] .button.primary");
  await page.keyboard.press("Enter");
  await expect(page.locator('[data-line="comment"]')).toContainText("เห็นเครื่องเดียว");

  // The law first: closing is refused while a deadline runs.
  await page.keyboard.press("s");
  await tabTo(page, "dialog[open] select");
  await page.keyboard.press("End");
  await tabTo(page, "dialog[open] textarea");
  await page.keyboard.type("ฝึกซ้อม");
  await tabTo(page, "dialog[open] .button.primary");
  await page.keyboard.press("Enter");
  await expect(sheet.locator("[role=alert]")).toBeVisible();
  await page.keyboard.press("Escape");
  for (const clock of opened.clocks) expect((await ask(page.context(), "POST", `/case-clocks/${clock.id}/settle`, { state: "not_applicable", reason: "หมวดหมู่ 0" })).status).toBe(200);
  await page.reload();
  await expect(page.locator('[data-clock="ncsa-24h"]').first()).toHaveAttribute("data-state", "not_applicable");
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await expect(page).toHaveURL(/\/cases$/);
  await expect(page.locator(`[data-case="${id}"]`)).toBeVisible();
  expect(await axe(page), "the list").toEqual([]);
});

test("a hospital does its task, writes and sends a file on its own page, and sees nothing of the team's", async ({ browser }) => {
  test.setTimeout(120_000);
  const code = keptFacility();
  const analyst = await pageOf(browser, "analyst");
  const now = new Date().toISOString();
  const made = await ask(analyst.context(), "POST", "/cases", { title: "ชื่อภายในของทีม", told: { th: "ศูนย์ช่วยดูแลเรื่องเครื่องหนึ่ง", en: "" }, source: "phone", facilities: [code], caller: "พยาบาลเวร", called_at: now, noticed_at: now });
  expect(made.status, JSON.stringify(made.body)).toBe(200);
  const { id } = made.body as Case;
  const task = await ask(analyst.context(), "POST", `/cases/${id}/tasks`, { facility: code, title: { th: "ถ่ายรูปหน้าจอแล้วส่งมา", en: "" }, who: "ผู้ดูแลคอมพิวเตอร์", due_at: new Date(Date.now() + 3_600_000).toISOString() });
  expect(task.status, JSON.stringify(task.body)).toBe(200);
  expect((await ask(analyst.context(), "POST", `/cases/${id}/comments`, { text: "ความเห็นภายใน" })).status).toBe(200);

  const hospital = await pageOf(browser, "hospital");
  await hospital.goto(at("/care"));
  const link = hospital.locator(`a[href="/cases/${id}/shared"]`);
  await expect(link).toContainText("ศูนย์ช่วยดูแลเรื่องเครื่องหนึ่ง");
  await link.focus();
  await hospital.keyboard.press("Enter");
  await expect(hospital.locator("h1")).toContainText("ศูนย์ช่วยดูแลเรื่องเครื่องหนึ่ง");
  await expect(hospital.locator("[data-task]")).toContainText("ถ่ายรูปหน้าจอแล้วส่งมา");
  await expect(hospital.locator("main")).not.toContainText("ชื่อภายในของทีม");
  await expect(hospital.locator("main")).not.toContainText("ความเห็นภายใน");
  expect(await axe(hospital), "the hospital's page").toEqual([]);
  await tabTo(hospital, "#note");
  await hospital.keyboard.type("เห็นข้อความแปลกบนจอ");
  await hospital.keyboard.press("Tab");
  await hospital.keyboard.press("Enter");
  await expect(hospital.locator(".notes")).toContainText("เห็นข้อความแปลกบนจอ");
  await hospital.locator("#evidence").setInputFiles({ name: "../หน้าจอ.txt", mimeType: "text/html", buffer: Buffer.from("<script>alert(1)</script>") });
  await expect(hospital.locator("[data-file]")).toContainText("หน้าจอ.txt");
  await hospital.evaluate(() => document.getElementById("main")?.focus());
  await tabTo(hospital, ".card .button.primary");
  await hospital.keyboard.press("Enter");
  await expect(hospital.locator("[data-task]")).toHaveAttribute("data-state", "done");

  await analyst.goto(at(`/cases/${id}`));
  await expect(analyst.locator('[data-line="note"]')).toContainText("เห็นข้อความแปลกบนจอ");
  await expect(analyst.locator("[data-task]")).toHaveAttribute("data-state", "done");
});
