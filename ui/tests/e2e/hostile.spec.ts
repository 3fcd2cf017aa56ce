// Hostile text from the wire stays text: the strict CSP is there, no script runs, no markup appears, on any page.
import { expect, test } from "@playwright/test";
import { at, get, keptFacility, pageOf, warnEverybody } from "./sector";

const HOSTILE = `"><img src=x onerror="hacked=1"><script>hacked=1</script><svg onload=hacked=1><a href="javascript:hacked=1">`;
/** Fields whose text may come from traffic or from people: each gets the hostile text at its end. */
const FIELDS = new Set(["name", "names", "th", "en", "signature", "value", "reason", "response_reason", "detail", "object", "category", "app_proto", "login", "mac", "src_ip", "version", "buffer", "who", "answer_reason", "hand_reason", "useful_words", "close_reason", "protocol", "address", "addresses", "created_by", "published_by"]);

function poisoned(value: unknown, field = ""): unknown {
  if (typeof value === "string") return FIELDS.has(field) ? value + HOSTILE : value;
  if (Array.isArray(value)) return value.map((v) => poisoned(v, field));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, poisoned(v, k)]));
  return value;
}

test("the centre sends a strict content security policy", async ({ request }) => {
  const response = await request.get(at("/"));
  const policy = response.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toMatch(/unsafe-(inline|eval)|https?:|\*/);
});

test("no hostile text runs or becomes markup on any page", async ({ browser }) => {
  test.setTimeout(180_000);
  const page = await pageOf(browser, "administrator");
  const refused: string[] = [];
  page.on("dialog", (dialog) => void dialog.dismiss().then(() => refused.push("a dialog opened")));
  page.on("pageerror", (error) => refused.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) refused.push(message.text());
  });
  const stories = await get<{ items: { id: number }[] }>(page.context(), "/stories?since=all&status=new,acknowledged,closed");
  const story = stories.items[0]?.id ?? 0;
  const detail = await get<{ alerts_latest: { id: number }[] }>(page.context(), `/stories/${story}`);
  const code = keptFacility();
  const warning = await warnEverybody(page.context(), "เตือน");
  await page.route("**/api/v1/**", async (route) => {
    if (route.request().url().endsWith("/live") || route.request().method() !== "GET") return route.continue();
    const response = await route.fetch();
    const body = response.headers()["content-type"]?.includes("json") ? poisoned(await response.json()) : null;
    return body === null ? route.fulfill({ response }) : route.fulfill({ response, json: body });
  });
  const hostile_query = encodeURIComponent(HOSTILE);
  for (const path of ["/queue?since=all", `/queue?since=all&facility=${hostile_query}&q=${hostile_query}`, `/stories/${story}`, `/alerts/${detail.alerts_latest[0]?.id ?? 0}`, "/facilities", `/facilities/${code}`, "/weaknesses", "/bulletins", `/bulletins/${warning}`, "/bulletins/new", "/overview", "/people", "/audit", `/h/${code}`, `/h/${code}?warning=${warning}`, `/h/${hostile_query}`, `/first-sign-in/${hostile_query}`]) {
    await page.goto(at(path));
    await expect(page.locator("main")).toBeVisible();
    await expect(page.locator(".loading")).toHaveCount(0);
    for (const fold of await page.locator("main details > summary").all()) await fold.click();
    const state = await page.evaluate(() => ({
      hacked: "hacked" in globalThis,
      markup: document.querySelectorAll('body img, body script:not([src]), body [onerror], body [onload], a[href^="javascript:"]').length,
    }));
    expect(state, path).toEqual({ hacked: false, markup: 0 });
  }
  expect(refused).toEqual([]);
  await page.goto(at("/facilities"));
  await expect(page.locator("tbody tr").first()).toContainText("<script>hacked=1</script>");
});
