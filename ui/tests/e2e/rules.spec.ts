// The team's rule: written with a check that names the place of a fault, on its way to the sensors, withdrawn with a reason.
import { expect, test } from "@playwright/test";
import { axe } from "./axe";
import { at, get, pageOf, tabTo } from "./sector";

type Rules = { next_sid: number; items: { sid: number; standing: string; refused_by: number; sensors_followed: number | null }[]; list: { sensors: number } };

test("an analyst writes a rule by keyboard, sees the sensors take it and withdraws it", async ({ browser }) => {
  test.setTimeout(240_000);
  const page = await pageOf(browser, "analyst");
  const context = page.context();
  await page.goto(at("/queue"));
  await expect(page.locator("main h1")).toBeVisible();
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await expect(page.getByRole("heading", { level: 1, name: "กฎตรวจจับของทีม" })).toBeVisible();
  const { next_sid: sid } = await get<Rules>(context, "/rules?limit=1");
  if (sid === 9_700_000) await expect(page.getByText("ทีมยังไม่ได้เขียนกฎ")).toBeVisible();

  await page.keyboard.press("n");
  const sheet = page.locator("dialog[open]");
  const rule = sheet.locator("#rule");
  await expect(rule).toBeFocused();
  await expect(rule).toHaveValue(new RegExp(`sid:${sid};`));
  // The draft has an empty pattern: the check names the place.
  await expect(sheet.getByRole("status")).toContainText(/บรรทัด 1 ตัวที่ \d+/);
  await rule.fill(`alert http any any -> any any (msg:"PHITAK TEAM a test"; flow:established,to_server; http.uri; contant:"/phitak-e2e-${sid}"; sid:${sid}; rev:1;)`);
  await expect(sheet.getByRole("status")).toContainText("contant");
  await rule.fill(`alert http any any -> any any (msg:"PHITAK TEAM a test"; flow:established,to_server; http.uri; content:"/phitak-e2e-${sid}"; sid:${sid}; rev:1;)`);
  await expect(sheet.getByRole("status")).toContainText(`ใช้ได้: ${sid}`);
  expect(await axe(page)).toEqual([]);
  const title = `กฎทดสอบ ${sid}`;
  for (const [field, text] of [["#rule-title-th", title], ["#rule-what-th", "เครื่องเปิดหน้าเว็บของคนร้าย"], ["#rule-why-th", "ข้อมูลอาจรั่ว"], ["#rule-reason", "ทดสอบหน้าเว็บ"]] as const) {
    await tabTo(page, field);
    await page.keyboard.type(text);
  }
  await page.keyboard.press("Enter");
  await expect(sheet).toHaveCount(0);
  const row = page.locator(`tr[data-rule="${sid}"]`);
  await expect(row).toContainText(title);
  await expect(row).toContainText("ใช้อยู่");

  // Real sensors take it.
  await expect.poll(async () => {
    const { items, list } = await get<Rules>(context, "/rules");
    const one = items.find((r) => r.sid === sid);
    return list.sensors > 0 && one?.refused_by === 0 && one.sensors_followed === list.sensors;
  }, { timeout: 120_000 }).toBe(true);
  await page.reload();
  await expect(row).toContainText(/มีกฎนี้แล้ว (\d+) จาก \1 เครื่อง/);
  expect(await axe(page)).toEqual([]);

  await row.getByRole("button", { name: "เลิกใช้" }).click();
  await expect(sheet.locator("#end-reason")).toBeFocused();
  await page.keyboard.type("ทดสอบเสร็จแล้ว");
  await page.keyboard.press("Enter");
  await expect(row).toContainText("เลิกใช้แล้ว");
  await expect(row).toContainText("ทดสอบเสร็จแล้ว");
  await expect.poll(async () => {
    const { items, list } = await get<Rules>(context, "/rules?standing=over");
    return items.find((r) => r.sid === sid)?.sensors_followed === list.sensors;
  }, { timeout: 120_000 }).toBe(true);
});
