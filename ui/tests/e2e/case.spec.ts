// The hospital's part of a case by keyboard.
import { expect, test } from "@playwright/test";
import { axe } from "./axe";
import { ask, at, keptFacility, pageOf, tabTo } from "./sector";

type Clock = { id: number; state: string };
type Case = { id: number; number: string; facilities: { code: string }[]; tasks: { id: number; facility: { code: string } | null }[]; clocks: Clock[] };

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
