// The administrator lets people and sensors in.
import { expect, test } from "@playwright/test";
import { at, get, keptFacility, newPerson, pageOf, signIn } from "./sector";

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

test("a region's officer sees the region, judges nothing, and meets no other hospital", async ({ browser }) => {
  const administrator = await pageOf(browser, "administrator");
  const { items } = await get<{ items: { code: string; region: number }[] }>(administrator.context(), "/facilities?limit=200");
  const mine = items.find((f) => f.code === keptFacility());
  const region = mine?.region ?? 1;
  const login = `e2e-region-${region}`;
  const page = await (await browser.newContext()).newPage();
  await signIn(page, login, await newPerson(administrator.context(), login, "region_officer", { kind: "region", region }));
  await expect(page).toHaveURL(/\/overview/);
  await expect(page.getByRole("rowheader")).toHaveCount(1);
  await page.goto(at("/facilities"));
  await expect(page.locator("tbody tr")).toHaveCount(items.filter((f) => f.region === region).length);
  await page.goto(at("/queue?since=all"));
  await expect(page.locator(".rows li").first()).toBeVisible();
  await expect(page.getByRole("button", { name: /^รับเรื่อง/ })).toHaveCount(0);
  await expect(page.locator(".rows input[type=checkbox]")).toHaveCount(0);
  const other = items.find((f) => f.region !== region);
  if (!other) return;
  await page.goto(at(`/facilities/${other.code}`));
  await expect(page.getByRole("alert")).toContainText("ไม่พบสิ่งที่ขอ");
});

test("who looked at a hospital stands in the audit, and so does the end of its chain", async ({ browser }) => {
  const analyst = await pageOf(browser, "analyst");
  await analyst.goto(at(`/h/${keptFacility()}`));
  await expect(analyst.locator("main")).toBeVisible();
  const page = await pageOf(browser, "administrator");
  await page.goto(at("/audit?kind=views"));
  const line = page.locator("tbody tr").filter({ hasText: "ดูหน้าของโรงพยาบาล" }).filter({ hasText: "e2e-analyst" });
  await expect(line.first()).toContainText(keptFacility());
  await expect(page.getByRole("heading", { name: /^ลายนิ้วมือของบรรทัดที่/ })).toBeVisible();
  await page.goto(at("/audit?kind=changes"));
  await expect(page.locator("tbody tr").first()).toBeVisible();
  await expect(page.locator("tbody tr").filter({ hasText: "ดูหน้าของโรงพยาบาล" })).toHaveCount(0);
});
