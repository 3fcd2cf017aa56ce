// Telling people outside the pages: by which channel, and the door of an answering link.
import { expect, test } from "@playwright/test";
import { axe } from "./axe";
import { ask, at, pageOf } from "./sector";

test("an administrator sets a channel up, tries it, and reads why it did not work", async ({ browser }) => {
  const page = await pageOf(browser, "administrator");
  await page.goto(at("/duty"));
  await page.getByRole("link", { name: "ช่องทางแจ้ง" }).click();
  const mail = page.getByRole("region", { name: "อีเมล" });
  await mail.getByRole("button", { name: "ตั้งค่า" }).click();
  await mail.getByLabel("เซิร์ฟเวอร์ส่งอีเมล").fill("127.0.0.1");
  await mail.getByLabel("พอร์ต").fill("9");
  await mail.getByLabel("การเข้ารหัส").selectOption("plain");
  await mail.getByLabel("ส่งจากที่อยู่").fill("phitak@example.go.th");
  await mail.getByRole("button", { name: "บันทึก" }).click();
  await expect(mail.getByText("เปิดอยู่")).toBeVisible();
  await mail.getByLabel("ส่งทดสอบถึง").fill("anan@hospital.example");
  await mail.getByRole("button", { name: "ส่งข้อความทดสอบ" }).click();
  await expect(mail.getByRole("status")).toContainText("ส่งข้อความทดสอบไม่ได้");
  expect(await axe(page)).toEqual([]);
  // Off again: the other tests are not told of anything.
  const { status } = await ask(page.context(), "POST", "/notification-channels/mail", { enabled: false, values: { host: "127.0.0.1", from: "phitak@example.go.th" } });
  expect(status).toBe(200);
});

test("a link that does not work says so to whoever opens it, and nothing else", async ({ browser }) => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(at("/acknowledge/1-2-3"));
  await expect(page.getByText("ลิงก์นี้ใช้ไม่ได้ หรือใช้ไปแล้ว")).toBeVisible();
  await expect(page.getByRole("button", { name: "รับทราบ", exact: true })).toHaveCount(0);
  expect(await axe(page)).toEqual([]);
});
