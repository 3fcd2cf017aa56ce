// Everybody can use it: axe finds nothing serious on any page, in either colour; the keyboard reaches everything.
import { expect, test, type Page } from "@playwright/test";
import { axe } from "./axe";
import { at, get, keptFacility, pageOf, tabTo } from "./sector";

async function settled(page: Page): Promise<void> {
  await expect(page.locator("main")).toBeVisible();
  await expect(page.locator(".loading")).toHaveCount(0);
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}

for (const theme of ["light", "dark"] as const) {
  test(`no page has a serious finding (${theme})`, async ({ browser }) => {
    test.setTimeout(180_000);
    const page = await pageOf(browser, "administrator", { colorScheme: theme });
    const stories = await get<{ items: { id: number }[] }>(page.context(), "/stories?since=all&status=new,acknowledged,closed");
    const story = stories.items[0]?.id ?? 0;
    const detail = await get<{ alerts_latest: { id: number }[] }>(page.context(), `/stories/${story}`);
    const code = keptFacility();
    const paths = ["/queue?since=all", `/stories/${story}`, `/alerts/${detail.alerts_latest[0]?.id ?? 0}`, "/facilities", `/facilities/${code}`, "/weaknesses", "/bulletins", "/bulletins/new", "/bulletins/999999999", "/overview", "/people", "/audit", "/account", `/h/${code}`, "/queue?q=nothing-has-this-name", "/stories/999999999", "/no-such-page"];
    for (const path of paths) {
      await page.goto(at(path));
      await settled(page);
      expect(await axe(page), path).toEqual([]);
    }
    await page.goto(at("/queue?since=all"));
    await settled(page);
    await page.keyboard.press("c");
    await expect(page.locator("dialog[open]")).toBeVisible();
    expect(await axe(page), "closing").toEqual([]);

    const hospital = await pageOf(browser, "hospital", { colorScheme: theme });
    await hospital.goto(at("/care"));
    await settled(hospital);
    expect(await axe(hospital), "/care").toEqual([]);

    const stranger = await (await browser.newContext({ colorScheme: theme })).newPage();
    for (const path of ["/sign-in", "/first-sign-in/not-a-real-link"]) {
      await stranger.goto(at(path));
      await settled(stranger);
      expect(await axe(stranger), path).toEqual([]);
    }
  });
}

test("the skip link is first, visible when focused, and leads to the content", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/facilities"));
  await settled(page);
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "ข้ามไปเนื้อหา" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();
});

test("language and colour change by keyboard and stay after a reload", async ({ browser }) => {
  const page = await pageOf(browser, "analyst");
  await page.goto(at("/overview"));
  await settled(page);
  await tabTo(page, 'button[lang="en"]');
  await page.keyboard.press("Enter");
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("The health sector at a glance");
  await page.getByRole("button", { name: "Theme" }).click();
  await page.getByLabel("Dark").check();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});

test("thai lines have room for their vowels and tone marks", async ({ browser }) => {
  const page = await pageOf(browser, "hospital");
  await page.goto(at("/care"));
  await settled(page);
  const tight = await page.evaluate(() =>
    [...document.querySelectorAll("main p, main dd, main li, main dt")].filter((el) => {
      const style = getComputedStyle(el);
      return /[\u0e01-\u0e5b]/.test(el.textContent ?? "") && Number.parseFloat(style.lineHeight) / Number.parseFloat(style.fontSize) < 1.45;
    }).length);
  expect(tight).toBe(0);
});

test("a narrow phone shows the hospital's page without scrolling sideways", async ({ browser }) => {
  const page = await pageOf(browser, "hospital", { viewport: { width: 360, height: 740 } });
  await page.goto(at("/care"));
  await settled(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
});
