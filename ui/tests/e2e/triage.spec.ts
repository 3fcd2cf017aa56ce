// The analyst's morning: in by the first link, a story judged by keyboard alone, and the hospital's Thai page follows.
import { expect, test } from "@playwright/test";
import { at, hospitalWhere, newPerson, pageOf, PASSWORD, signIn, tabTo } from "./sector";

test("a story is triaged by keyboard only and the hospital's page changes by itself", async ({ browser }) => {
  test.setTimeout(240_000);
  const administrator = await pageOf(browser, "administrator");
  const waiting = (i: { type: string; state: string }): boolean => i.type === "story" && i.state === "open";
  const care = await hospitalWhere(administrator.context(), (c) => c.items.some(waiting));
  const story = care.items.find(waiting);
  if (!story) throw new Error("the story has gone");

  // The hospital's own person looks at its page.
  const hospital = await (await browser.newContext()).newPage();
  const hospital_login = `e2e-t-${care.facility.code.toLowerCase()}`;
  await signIn(hospital, hospital_login, await newPerson(administrator.context(), hospital_login, "hospital", { kind: "facility", facility: care.facility.code }));
  const card = hospital.locator(`#story-${story.id}`);
  await expect(hospital.locator(".banner h1")).toBeVisible();
  const more = hospital.getByRole("button", { name: /^แสดงอีก/ });
  if (await more.isVisible()) await more.click();
  await expect(card).toBeVisible();
  await expect(hospital.locator("html")).toHaveAttribute("lang", "th");
  await expect(hospital.locator(".banner h1")).toHaveText(/โทรหาเรา|ต้องทำสิ่งนี้/);

  // A new analyst, by keyboard alone from here on.
  const login = `e2e-keys-${Date.now().toString(36)}`;
  const link = await newPerson(administrator.context(), login, "analyst", { kind: "sector" });
  const page = await (await browser.newContext()).newPage();
  await page.goto(link ?? at("/sign-in"));
  await expect(page.locator("#new-password")).toBeVisible();
  await tabTo(page, "#new-password");
  await page.keyboard.type(PASSWORD);
  await tabTo(page, "#again");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.locator(".rows li").first()).toBeVisible();

  // j down to the story. (Stories older than a day stand in the same queue with another period.)
  const row = page.locator(`#story-${story.id}`);
  for (let i = 0; i < 300 && !(await row.evaluate((el) => el === document.activeElement).catch(() => false)); i += 1) await page.keyboard.press(i ? "j" : "k");
  await expect(row).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/stories/${story.id}`));
  await expect(page.locator("main h1")).not.toBeEmpty();
  await expect(page.getByRole("heading", { name: "หลักฐาน" })).toBeVisible();

  await page.keyboard.press("a");
  await expect(page.locator("header .tag.accent")).toContainText("กำลังดู");
  await expect(card).toHaveAttribute("data-state", "acknowledged");
  await expect(card).toContainText("ทีม Health CIRT กำลังดูเรื่องนี้อยู่");

  await page.keyboard.press("c");
  const sheet = page.locator("dialog[open]");
  await expect(sheet).toBeVisible();
  await page.keyboard.press("1");
  await expect(page.locator("#verdict-true")).toBeChecked();
  await page.keyboard.press("Enter");
  await expect(page.locator("header .tag").filter({ hasText: "ปิดแล้ว" })).toContainText("เหตุจริง");
  await expect(card).toHaveCount(0);

  // Taken back: it stands again at both ends.
  await page.keyboard.press("u");
  await expect(page.locator("header .tag.accent")).toContainText("กำลังดู");
  await expect(card).toBeVisible();
});

test("help lists the keys, and single keys can be turned off", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/queue"));
  await expect(page.locator(".rows li").first()).toBeVisible();
  await page.keyboard.press("?");
  const help = page.locator("dialog[open]");
  await expect(help).toContainText("รับเรื่อง");
  await help.getByRole("checkbox").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await expect(page).toHaveURL(/\/queue/);
  await page.getByRole("button", { name: /แป้นลัด/ }).click();
  await help.getByRole("checkbox").check();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await expect(page).toHaveURL(/\/overview/);
});

test("filters live in the address and survive a reload", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/queue"));
  await page.getByRole("button", { name: /^ความรุนแรง/ }).click();
  await page.getByLabel("ต่ำ", { exact: true }).check();
  await expect(page).toHaveURL(/severity=low/);
  await page.reload();
  await expect(page.getByRole("button", { name: /^ความรุนแรง: ต่ำ/ })).toBeVisible();
  await page.getByRole("button", { name: "เอาตัวกรอง ความรุนแรง ออก" }).click();
  await expect(page).not.toHaveURL(/severity/);
});

test("new stories wait behind a bar and nothing jumps until asked", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  let hold = true;
  await page.route("**/api/v1/stories?*", async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as { items: unknown[] };
    if (hold) body.items = body.items.slice(1);
    await route.fulfill({ response, json: body });
  });
  await page.route("**/api/v1/live", (route) => route.fulfill({ contentType: "text/event-stream", body: "retry: 300\nevent: resync\ndata: {}\n\n" }));
  await page.goto(at("/queue?since=all"));
  const first = page.locator(".rows li a").first();
  await expect(first).toBeVisible();
  const before = await first.getAttribute("href");
  hold = false;
  await expect(page.locator("button.fresh")).toContainText("1 เรื่อง");
  expect(await first.getAttribute("href")).toBe(before);
  await page.keyboard.press(".");
  await expect(first).not.toHaveAttribute("href", before ?? "");
  await expect(page.locator("button.fresh")).toHaveCount(0);
});
