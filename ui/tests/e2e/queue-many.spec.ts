// The analyst's heavier tools by keyboard: hiding noise and lifting it, all that match at once, saved views, ATT&CK.
import { expect, test } from "@playwright/test";
import { axe } from "./axe";
import { at, get, pageOf, tabTo } from "./sector";

type Stories = { items: { id: number; status: string; signature_id: number }[]; total: number };
type Suppressions = { items: { id: number; standing: string; reason: string; signature_id: number }[] };

test("a story is hidden with a reason after its preview, and lifted again", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/queue?since=all"));
  await expect(page.locator(".rows li.current")).toBeVisible();
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/\/suppressions\/new\?story=\d+/);
  const preview = page.locator(".preview");
  await expect(preview).toContainText(/จะไม่มีใครเห็นการแจ้งเตือน .* ครั้ง/);
  expect(await axe(page), "the form").toEqual([]);
  const reason = `เครื่องสแกนของเราเอง ${Date.now()}`;
  await tabTo(page, "#reason");
  await page.keyboard.type(reason);
  await tabTo(page, "#source");
  await page.keyboard.type("192.0.2.0/24");
  await expect(preview).toContainText("ไม่มีการแจ้งเตือนที่ตรงกับขอบเขตนี้");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/queue/);

  await page.keyboard.press("g");
  await page.keyboard.press("s");
  const row = page.locator("tr[data-suppression]").filter({ hasText: reason });
  await expect(row).toContainText("ซ่อนอยู่");
  await expect(row).toContainText("192.0.2.0/24");
  await expect(row).toContainText("ไม่มีการแจ้งเตือนที่ตรง");
  expect(await axe(page), "the list").toEqual([]);
  await row.getByRole("button", { name: "เลิกซ่อน" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.locator("#lift-reason")).toBeFocused();
  await page.keyboard.type("ทดสอบเสร็จแล้ว");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(row).toContainText("เลิกซ่อนแล้ว");
  const { items } = await get<Suppressions>(page.context(), "/suppressions?limit=200");
  expect(items.find((one) => one.reason === reason)?.standing).toBe("lifted");
});

test("all that match are closed at once and taken back at once", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  const { items } = await get<Stories>(page.context(), "/stories?since=all&status=new,acknowledged&limit=200");
  const signature = items[0]?.signature_id;
  const query = `since=all&signature=${signature}&status=new,acknowledged`;
  const before = items.filter((story) => story.signature_id === signature);
  expect(before.length).toBeGreaterThan(0);
  await page.goto(at(`/queue?since=all&signature=${signature}`));
  await expect(page.locator(".rows li").first()).toBeVisible();
  await page.keyboard.press("m");
  const bar = page.locator(".selection");
  await expect(bar).toContainText(/เลือกไว้ \d+ เรื่อง/);
  await expect(bar).toContainText("ที่มาทีหลังจะอยู่ตามเดิม");
  await page.keyboard.press("c");
  await expect(page.locator("dialog[open]")).toBeVisible();
  await page.keyboard.press("2");
  await tabTo(page, "#close-reason");
  await page.keyboard.type("ทดสอบปิดหลายเรื่อง");
  await page.keyboard.press("Control+Enter");
  // Traffic goes on: what more arrives of it opens it again, and is not what was closed.
  const closed = async (): Promise<number> => (await get<Stories>(page.context(), `/stories?since=all&signature=${signature}&status=closed`)).total;
  const reasons = async (): Promise<string> => JSON.stringify(await get(page.context(), `/stories/${before[0]?.id}`));
  await expect.poll(reasons).toContain("ทดสอบปิดหลายเรื่อง");
  await expect(page.getByRole("button", { name: /^เลิกทำ/ })).toBeVisible();
  await page.keyboard.press("u");
  await expect.poll(closed).toBe(0);
  const after = await get<Stories>(page.context(), `/stories?${query}&limit=200`);
  expect(after.items.map((story) => story.id)).toEqual(expect.arrayContaining(before.map((story) => story.id)));
  // The list is perhaps still being read: the key is heard after that.
  await page.keyboard.press("m");
  await expect(bar).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(bar).toHaveCount(0);
});

test("while all that match are selected, the pane of one story offers nothing and r does nothing", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.setViewportSize({ width: 1400, height: 900 });
  await page.goto(at("/queue?since=all"));
  const pane = page.locator("aside .preview");
  await expect(pane.locator(".actions button").first()).toBeVisible();
  await page.keyboard.press("m");
  await expect(page.locator(".selection")).toBeVisible();
  await expect(pane).toBeVisible();
  await expect(pane.locator(".actions button")).toHaveCount(0);
  const judged: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/triage")) judged.push(request.url());
  });
  await page.keyboard.press("r");
  // The bar is still there: what is pressed after r is heard after it.
  await page.keyboard.press("Escape");
  await expect(page.locator(".selection")).toHaveCount(0);
  expect(judged).toEqual([]);
  await expect(pane.locator(".actions button").first()).toBeVisible();
});

test("a selection that is answered after the filters changed is not taken", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/queue?since=all"));
  await expect(page.locator(".rows li.current")).toBeVisible();
  let let_go = (): void => {};
  const asked_again = new Promise<void>((done) => (let_go = done));
  await page.route("**/api/v1/story-selections", async (route) => {
    await asked_again;
    await route.continue();
  });
  const freezing = page.waitForRequest("**/api/v1/story-selections");
  const frozen = page.waitForResponse("**/api/v1/story-selections");
  await page.keyboard.press("m");
  await freezing;
  // Another question, within the page: what was asked for is still on its way.
  const other = page.waitForResponse((response) => response.url().includes("/stories?") && response.url().includes("since=7d"));
  await page.evaluate(() => {
    history.pushState(null, "", "/queue?since=7d");
    dispatchEvent(new PopStateEvent("popstate"));
  });
  await other;
  let_go();
  const answer = await frozen;
  expect(answer.ok()).toBe(true);
  await answer.finished();
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await expect(page.locator(".selection")).toHaveCount(0);
  // It is the new question that can be frozen now.
  await page.keyboard.press("m");
  await expect(page.locator(".selection")).toBeVisible();
});

test("a view is saved, opened by its number, renamed and removed", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/queue?severity=high&since=7d"));
  await expect(page.locator("h1")).toBeVisible();
  const name = `ด่วน ${Date.now()}`;
  await page.keyboard.press("v");
  const sheet = page.locator("dialog[open]");
  await tabTo(page, "#view-name");
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await expect(sheet.locator("li").filter({ hasText: name })).toBeVisible();
  expect(await axe(page), "saved views").toEqual([]);
  await page.keyboard.press("Escape");
  await page.goto(at("/queue"));
  await expect(page.locator("h1")).toBeVisible();
  await page.keyboard.press("v");
  const line = sheet.locator("li").filter({ hasText: name });
  await expect(line).toBeVisible();
  const number = await line.locator("kbd").innerText();
  await page.keyboard.press(number);
  await expect(page).toHaveURL(/severity=high/);
  await expect(page).toHaveURL(/since=7d/);
  await page.keyboard.press("v");
  await line.getByRole("button", { name: `เปลี่ยนชื่อ มุมมอง ${name}` }).focus();
  await page.keyboard.press("Enter");
  await expect(page.locator("#view-name")).toBeFocused();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(`${name} ใหม่`);
  await page.keyboard.press("Enter");
  const renamed = sheet.locator("li").filter({ hasText: `${name} ใหม่` });
  await expect(renamed).toBeVisible();
  await renamed.getByRole("button", { name: /^ลบ มุมมอง/ }).focus();
  await page.keyboard.press("Enter");
  await expect(renamed).toHaveCount(0);
});

test("ATT&CK shows what was seen and leads to its stories", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/techniques?since=all"));
  const seen = page.locator("li.seen").first();
  await expect(seen).toBeVisible();
  await expect(page.locator("main")).toContainText("MITRE");
  expect(await axe(page), "ATT&CK").toEqual([]);
  const id = await seen.getAttribute("data-technique");
  await seen.locator("a").focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/queue\\?technique=${id}`));
  await expect(page.locator(".rows li").first()).toBeVisible();
});
