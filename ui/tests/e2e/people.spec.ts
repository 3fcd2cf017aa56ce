// The administrator lets people and sensors in.
import { createHmac } from "node:crypto";
import { expect, test } from "@playwright/test";
import { at, get, keptFacility, newPerson, pageOf, PASSWORD, signIn, tabTo } from "./sector";

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
  // A region in which something was seen, whatever became of it.
  const seen = "since=all&status=new,acknowledged,closed";
  let region: number | undefined;
  const regionSeen = async (): Promise<number | undefined> => {
    for (const one of new Set(items.map((f) => f.region))) {
      if ((await get<{ items: unknown[] }>(administrator.context(), `/stories?${seen}&region=${one}&limit=1`)).items.length) region ??= one;
    }
    return region;
  };
  await expect.poll(regionSeen).toBeDefined();
  const login = `e2e-region-${region}`;
  const page = await (await browser.newContext()).newPage();
  await signIn(page, login, await newPerson(administrator.context(), login, "region_officer", { kind: "region", region }));
  await expect(page).toHaveURL(/\/overview/);
  await expect(page.getByRole("rowheader")).toHaveCount(1);
  await page.goto(at("/facilities"));
  await expect(page.locator("tbody tr")).toHaveCount(items.filter((f) => f.region === region).length);
  await page.goto(at(`/queue?${seen}`));
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

/** What an authenticator app would show (RFC 6238) `later` steps from now. */
function appCode(secret: string, later = 0): string {
  const bits = [...secret.replace(/\s/g, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const mac = createHmac("sha1", key).update(step).digest();
  return String((mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

test("a second factor is set up by keyboard, asked for at the door, and reset by the administrator", async ({ browser }) => {
  const administrator = await pageOf(browser, "administrator");
  const login = `e2e-factor-${Date.now().toString(36)}`;
  const page = await (await browser.newContext()).newPage();
  await signIn(page, login, await newPerson(administrator.context(), login, "analyst", { kind: "sector" }));
  await expect(page.getByText("แต่มีแค่รหัสผ่านป้องกัน")).toBeVisible();
  await tabTo(page, 'aside a[href="/account"]');
  await page.keyboard.press("Enter");
  // The page before it has such a button, too.
  await expect(page.locator("h1")).toHaveText("บัญชีของคุณ");
  await tabTo(page, "section .button.primary");
  await page.keyboard.press("Enter");
  await tabTo(page, "#factor-password");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("img", { name: "ภาพ QR สำหรับแอปสร้างรหัส" })).toBeVisible();
  const secret = (await page.locator("output.secret").textContent()) ?? "";
  await tabTo(page, "#factor-code");
  await page.keyboard.type(appCode(secret));
  await page.keyboard.press("Enter");
  await expect(page.locator("ol.codes li")).toHaveCount(10);
  const recovery = (await page.locator("ol.codes li").first().textContent()) ?? "";
  await page.getByRole("button", { name: "เก็บไว้แล้ว" }).click();
  await expect(page.getByText("รหัสกู้คืนเหลือ 10 รหัส")).toBeVisible();
  await page.getByRole("button", { name: "ออกจากระบบ" }).click();
  await page.locator("#login").fill(login);
  await page.locator("#password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.locator("#code")).toBeFocused();
  await page.keyboard.type("000000");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("รหัสจากแอปไม่ถูกต้อง");
  await page.locator("#code").fill(recovery.toLowerCase());
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/account/);
  await expect(page.getByText("รหัสกู้คืนเหลือ 9 รหัส")).toBeVisible();
  await page.goto(at("/queue"));
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByText("แต่มีแค่รหัสผ่านป้องกัน")).toHaveCount(0);
  await administrator.goto(at("/people"));
  await administrator.getByRole("button", { name: `ยกเลิกการยืนยันสองชั้นของ ผู้ทดสอบ ${login}` }).click();
  await administrator.getByRole("dialog").getByRole("button", { name: "ยกเลิกการยืนยันสองชั้น", exact: true }).click();
  await expect(administrator.getByRole("button", { name: `ยกเลิกการยืนยันสองชั้นของ ผู้ทดสอบ ${login}` })).toHaveCount(0);
  await page.goto(at("/account"));
  await expect(page).toHaveURL(/sign-in/);
});

test("a token is made, shown once, opens the API and nothing of the account, and is revoked", async ({ browser }) => {
  const page = await pageOf(browser, "administrator");
  await page.goto(at("/people"));
  await page.getByRole("button", { name: "ออกกุญแจ" }).click();
  const name = `e2e ${Date.now().toString(36)}`;
  await page.getByLabel("ใช้ทำอะไร").fill(name);
  await page.locator("#token-role").selectOption("hospital");
  await page.locator("#token-facility").fill(keptFacility());
  await page.getByRole("button", { name: "ออกกุญแจ" }).click();
  const secret = (await page.locator("output").textContent()) ?? "";
  expect(secret).toMatch(/^phitak_[0-9a-f]{64}$/);
  const bare = await browser.newContext();
  const status = async (path: string): Promise<number> => (await bare.request.get(at(`/api/v1${path}`), { headers: { authorization: `Bearer ${secret}` } })).status();
  expect(await status(`/facilities/${keptFacility()}/care`)).toBe(200);
  expect(await status("/users")).toBe(403);
  expect(await status("/session")).toBe(403);
  await page.reload();
  await expect(page.getByText(secret)).toHaveCount(0);
  await page.getByRole("button", { name: `ยกเลิกกุญแจ ${name}` }).click();
  await expect(page.getByRole("row", { name: new RegExp(name) })).toContainText("ยกเลิกแล้ว");
  expect(await status("/stories")).toBe(401);
});

test("people change their own password", async ({ browser }) => {
  const administrator = await pageOf(browser, "administrator");
  const login = `e2e-word-${Date.now().toString(36)}`;
  const page = await (await browser.newContext()).newPage();
  await signIn(page, login, await newPerson(administrator.context(), login, "hospital", { kind: "facility", facility: keptFacility() }));
  await page.getByRole("link", { name: "บัญชีของคุณ" }).click();
  await page.getByRole("button", { name: "เปลี่ยนรหัสผ่าน" }).click();
  await page.locator("#present-password").fill("not the present one");
  await page.locator("#wanted-password").fill("another long sentence");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("ไม่ถูกต้อง");
  await page.locator("#present-password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.locator("#present-password")).toHaveCount(0);
  await page.getByRole("button", { name: "ออกจากระบบ" }).click();
  await page.locator("#login").fill(login);
  await page.locator("#password").fill("another long sentence");
  await page.keyboard.press("Enter");
  await expect(page).not.toHaveURL(/sign-in/);
});
