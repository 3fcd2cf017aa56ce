// Telling people outside the pages: where, who first, by which channel, and the door of an answering link.
import { expect, test } from "@playwright/test";
import { axe } from "./axe";
import { ask, at, get, keptFacility, pageOf } from "./sector";

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

test("a hospital's person says where to be told, and who is told first", async ({ browser }) => {
  const page = await pageOf(browser, "hospital");
  await page.goto(at("/account"));
  const part = page.getByRole("region", { name: "ให้แจ้งคุณทางใด" });
  await part.getByRole("button", { name: "เพิ่มช่องทาง" }).click();
  await part.getByLabel("ช่องทาง", { exact: true }).selectOption("sms");
  await part.getByLabel("เบอร์โทรศัพท์มือถือ").fill("not a number");
  await part.getByRole("button", { name: "บันทึก" }).click();
  await expect(part.getByRole("alert")).toBeVisible();
  await part.getByLabel("เบอร์โทรศัพท์มือถือ").fill("0812345678");
  await part.getByLabel("ตั้งเวลาพัก").check();
  await part.getByRole("button", { name: "บันทึก" }).click();
  await expect(part.getByRole("alert")).toHaveCount(0);
  const { contacts, quiet } = await get<{ contacts: unknown[]; quiet: unknown }>(page.context(), "/session/contacts");
  expect(contacts).toEqual([{ channel: "sms", address: "0812345678" }]);
  expect(quiet).toEqual({ from_minute: 1320, until_minute: 360, passes: "high" });
  expect(await axe(page)).toEqual([]);
  await part.getByRole("link", { name: "ลำดับผู้รับแจ้ง และประวัติการแจ้ง" }).click();
  await page.getByLabel("เลือกคน").selectOption({ index: 1 });
  await page.getByRole("button", { name: "เพิ่มคน" }).click();
  await page.getByRole("spinbutton").fill("20");
  await page.getByRole("button", { name: "บันทึกลำดับ" }).click();
  await expect(page.getByRole("button", { name: "บันทึกลำดับ" })).toHaveCount(0);
  const roster = await get<{ duties: { wait_minutes: number }[] }>(page.context(), `/facilities/${keptFacility()}/duty`);
  expect(roster.duties.map((d) => d.wait_minutes)).toEqual([20]);
  expect(await axe(page)).toEqual([]);
});

test("a link that does not work says so to whoever opens it, and nothing else", async ({ browser }) => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(at("/acknowledge/1-2-3"));
  await expect(page.getByText("ลิงก์นี้ใช้ไม่ได้ หรือใช้ไปแล้ว")).toBeVisible();
  await expect(page.getByRole("button", { name: "รับทราบ", exact: true })).toHaveCount(0);
  expect(await axe(page)).toEqual([]);
});
