// The administrator lets people and sensors in.
import { expect, test } from "@playwright/test";
import { at, keptFacility, pageOf } from "./sector";

test("a person is added and gets a link that works once", async ({ browser }) => {
  const page = await pageOf(browser, "administrator");
  await page.goto(at("/people"));
  await page.getByRole("button", { name: "เพิ่มผู้ใช้" }).click();
  await page.getByLabel("ชื่อผู้ใช้").fill(`e2e-p-${Date.now().toString(36)}`);
  await page.getByLabel("ชื่อที่แสดง").fill("ผู้ทดสอบ <b>ใหม่</b>");
  await page.getByLabel("บทบาท").selectOption("hospital");
  await page.locator("#user-facility").fill(keptFacility());
  await page.getByRole("button", { name: "สร้างลิงก์เข้าครั้งแรก" }).click();
  const link = (await page.locator("output").textContent()) ?? "";
  expect(link).toContain("/first-sign-in/");
  await expect(page.getByText("ส่งลิงก์นี้ให้ ผู้ทดสอบ <b>ใหม่</b> ด้วยตนเอง")).toBeVisible();
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(at(new URL(link, at("/")).pathname));
  await expect(stranger.getByRole("heading", { level: 1 })).toContainText("สวัสดี");
});

test("an enrolment code is issued for a hospital and shown once", async ({ browser }) => {
  const page = await pageOf(browser, "administrator");
  await page.goto(at("/people"));
  await page.locator("#code-facility").fill(keptFacility());
  await page.getByRole("button", { name: "ออกรหัส" }).click();
  await expect(page.locator("output")).not.toBeEmpty();
  await expect(page.getByText("รอใช้").first()).toBeVisible();
});
