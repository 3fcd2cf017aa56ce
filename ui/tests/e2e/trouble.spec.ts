// What a page says when there is nothing, too much, no permission, no such thing, or no centre: always with the next step.
import { expect, test } from "@playwright/test";
import { at, pageOf } from "./sector";

test("a hospital that opens the team's pages is told so, not shown them", async ({ browser }) => {
  const page = await pageOf(browser, "hospital");
  for (const path of ["/queue", "/people", "/facilities"]) {
    await page.goto(at(path));
    await expect(page.getByRole("alert")).toContainText("บัญชีนี้ดูหน้านี้ไม่ได้");
  }
  await page.getByRole("link", { name: "ไปหน้าแรก" }).click();
  await expect(page).toHaveURL(/\/care/);
});

test("another hospital's page looks like one that does not exist", async ({ browser }) => {
  const administrator = await pageOf(browser, "administrator");
  const response = await administrator.request.get(at("/api/v1/facilities?limit=200"));
  const { items } = (await response.json()) as { items: { code: string }[] };
  const page = await pageOf(browser, "hospital");
  const own = ((await (await page.request.get(at("/api/v1/session"))).json()) as { scope: { facility: string } }).scope.facility;
  const other = items.find((f) => f.code !== own)?.code ?? "none";
  for (const code of [other, "no-such-code"]) {
    await page.goto(at(`/h/${code}`));
    await expect(page.getByRole("alert")).toContainText("ไม่พบสิ่งที่ขอ");
  }
});

test("without the centre the page says so, and comes back when it can", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.route("**/api/v1/stories?*", (route) => route.abort());
  await page.goto(at("/queue"));
  await expect(page.getByRole("alert")).toContainText("ติดต่อศูนย์ไม่ได้");
  await page.unroute("**/api/v1/stories?*");
  await page.getByRole("button", { name: "ลองอีกครั้ง" }).click();
  await expect(page.locator(".list").getByRole("alert")).toHaveCount(0);
});

test("a centre that answers wrongly is told apart from a lost network", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.route("**/api/v1/findings?*", (route) => route.fulfill({ status: 503, json: { error: { code: "unavailable", what: "not now", detail: "", hint: "" } } }));
  await page.goto(at("/weaknesses"));
  await expect(page.getByRole("alert")).toContainText("ศูนย์ตอบผิดปกติ");
  await expect(page.getByRole("alert")).toContainText("unavailable");
});

test("a centre whose database is away says so in plain words on every page, and no longer once it is back", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  const away = { status: 503, json: { error: { code: "database_away", what: "", detail: "", hint: "" } } };
  await page.route("**/healthz", (route) => route.fulfill(away));
  await page.route("**/api/v1/findings?*", (route) => route.fulfill(away));
  await page.goto(at("/weaknesses"));
  await expect(page.locator("[data-trouble=database_away]")).toContainText("ศูนย์อ่านข้อมูลไม่ได้ชั่วคราว");
  await expect(page.getByRole("alert")).toContainText("ศูนย์อ่านข้อมูลไม่ได้ชั่วคราว");
  await page.unroute("**/healthz");
  await expect(page.locator("[data-trouble]")).toHaveCount(0);
});

test("an empty queue and a filter without matches say different things", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/queue?q=nothing-has-this-name"));
  await expect(page.getByText("ไม่มีเรื่องที่ตรงกับตัวกรอง")).toBeVisible();
  await page.route("**/api/v1/stories?*", (route) => route.fulfill({ json: { items: [], total: 0, total_exact: true, next_cursor: null, latest_at: null } }));
  await page.goto(at("/queue"));
  await expect(page.getByText("ไม่มีเรื่องที่รอคุณ")).toBeVisible();
});

test("a count that is a lower bound is shown as one, and a list too long asks to be narrowed", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  const one = ((await (await page.request.get(at("/api/v1/stories?since=all&status=new,acknowledged,closed"))).json()) as { items: Record<string, unknown>[] }).items[0];
  let id = 1_000_000;
  await page.route("**/api/v1/live", (route) => route.abort());
  await page.route("**/api/v1/stories?*", (route) => {
    const items = Array.from({ length: 250 }, () => ({ ...one, id: (id += 1) }));
    return route.fulfill({ json: { items, total: 10_000, total_exact: false, next_cursor: "more", latest_at: one?.["arrived_at"] } });
  });
  await page.goto(at("/queue"));
  await expect(page.locator(".page-head")).toContainText("≥10,000");
  for (let rows = 250; rows < 1000; rows += 250) {
    await expect(page.locator(".rows > li")).toHaveCount(rows);
    await page.getByRole("button", { name: /^แสดงเพิ่ม/ }).last().click();
  }
  await expect(page.getByText("รายการยาวมาก")).toBeVisible();
});

test("a session that ends brings the reader back to where they were", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/facilities"));
  await expect(page.locator("tbody tr").first()).toBeVisible();
  await page.route("**/api/v1/**", (route) => route.fulfill({ status: 401, json: { error: { code: "signed_out", what: "sign in first", detail: "", hint: "" } } }));
  await page.getByRole("link", { name: /จุดอ่อน/ }).first().click();
  await expect(page).toHaveURL(/\/sign-in\?next=%2Fweaknesses/);
  await expect(page.getByRole("status").filter({ hasText: "หมดเวลาใช้งาน" })).toBeVisible();
});

test("a wrong password says so without saying which part was wrong", async ({ browser }) => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(at("/sign-in"));
  await page.locator("#login").fill("nobody");
  await page.locator("#password").fill("certainly not this one");
  await page.getByRole("button", { name: "เข้าสู่ระบบ", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("ชื่อผู้ใช้หรือรหัสผ่านไม่ถูกต้อง");
});

test("warnings say when there are none, when none match, and when the centre does not answer", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.route("**/api/v1/bulletins?*", (route) => route.fulfill({ json: { items: [], total: 0, next_cursor: null } }));
  await page.goto(at("/bulletins"));
  await expect(page.getByText("ยังไม่มีคำเตือน", { exact: true })).toBeVisible();
  await expect(page.getByRole("link", { name: "เขียนคำเตือน" }).first()).toBeVisible();
  await page.goto(at("/bulletins?unanswered=true"));
  await expect(page.getByText("ไม่มีคำเตือนที่ตรงกับตัวกรอง")).toBeVisible();
  await page.unroute("**/api/v1/bulletins?*");
  await page.route("**/api/v1/bulletins?*", (route) => route.abort());
  await page.goto(at("/bulletins"));
  await expect(page.getByRole("alert")).toContainText("ติดต่อศูนย์ไม่ได้");
  await page.goto(at("/bulletins/999999999"));
  await expect(page.getByRole("alert")).toContainText("ไม่พบสิ่งที่ขอ");
});
