// The main pages as pictures, in both languages and both colours: to be looked at by a person.
import { expect, test, type BrowserContext } from "@playwright/test";
import { ask, at, get, keptFacility, pageOf, warnEverybody } from "./sector";

const SIZE = { width: 1560, height: 980 };

/** A case from a call that the hospital sees, with the playbook's first tasks. */
async function aCase(context: BrowserContext, story: number): Promise<number> {
  const { items } = await get<{ items: { id: number }[] }>(context, "/cases");
  if (items[0]) return items[0].id;
  const now = new Date().toISOString();
  const title = "เครื่องบันทึกเวชระเบียนเข้ารหัสแฟ้มเอง";
  const made = await ask(context, "POST", "/cases", { title, told: { th: title, en: "" }, source: "story", facilities: [keptFacility()], stories: [story], noticed_at: now });
  expect(made.status, JSON.stringify(made.body)).toBe(200);
  const { id } = made.body as { id: number };
  const { items: books } = await get<{ items: { id: string }[] }>(context, "/playbooks");
  if (books[0]) await ask(context, "POST", `/cases/${id}/playbook`, { playbook: books[0].id });
  return id;
}

/** A scanner of the team's own that is hidden, from an address that raised nothing. */
async function aSuppression(context: BrowserContext, story: number): Promise<void> {
  const { total } = await get<{ total: number }>(context, "/suppressions");
  if (total) return;
  const made = await ask(context, "POST", `/stories/${story}/suppression`, { reason: "เครื่องตรวจหาจุดอ่อนของทีมเอง", source: "192.0.2.0/24", days: 30 });
  expect(made.status, JSON.stringify(made.body)).toBe(200);
}

for (const lang of ["th", "en"] as const) {
  for (const theme of ["light", "dark"] as const) {
    test(`pictures in ${lang}, ${theme}`, async ({ browser }) => {
      const shown = { colorScheme: theme, viewport: SIZE, reducedMotion: "reduce" as const };
      const page = await pageOf(browser, "administrator", shown);
      const hospital = await pageOf(browser, "hospital", { ...shown, viewport: { width: 1180, height: 1180 } });
      const stories = await get<{ items: { id: number; severity: string }[] }>(page.context(), "/stories?since=all");
      const story = stories.items.find((s) => s.severity === "critical") ?? stories.items[0];
      const sent = await get<{ items: { id: number }[] }>(page.context(), "/bulletins?state=published");
      const warning = sent.items[0]?.id ?? (await warnEverybody(page.context(), "ปิดการแชร์ไฟล์แบบเก่าก่อนวันศุกร์"));
      const incident = await aCase(page.context(), story?.id ?? 0);
      await aSuppression(page.context(), story?.id ?? 0);
      const [alert] = (await get<{ alerts_latest: { id: number; src_ip: string }[] }>(page.context(), `/stories/${story?.id ?? 0}`)).alerts_latest;
      const pictures = [
        [page, "queue", "/queue?since=all"],
        [page, "story", `/stories/${story?.id ?? 0}`],
        [page, "overview", "/overview"],
        [page, "facilities", "/facilities"],
        [page, "facility", `/facilities/${keptFacility()}`],
        [page, "weaknesses", "/weaknesses"],
        [page, "warnings", "/bulletins"],
        [page, "warning", `/bulletins/${warning}`],
        [page, "writing", "/bulletins/new"],
        [page, "audit", "/audit"],
        [page, "people", "/people"],
        [page, "account", "/account"],
        [page, "alert", `/alerts/${alert?.id ?? 0}`],
        [page, "address", `/addresses/${alert?.src_ip ?? ""}`],
        [page, "cases", "/cases"],
        [page, "case", `/cases/${incident}`],
        [page, "opening", "/cases/new"],
        [page, "indicators", "/indicators"],
        [page, "rules", "/rules"],
        [page, "duty", "/duty"],
        [page, "channels", "/channels"],
        [page, "deliveries", "/deliveries"],
        [page, "hiding", `/suppressions/new?story=${story?.id ?? 0}`],
        [page, "suppressions", "/suppressions"],
        [page, "techniques", "/techniques?since=all"],
        [hospital, "hospital", "/care"],
        [hospital, "roster", "/care/duty"],
        [hospital, "shared", `/cases/${incident}/shared`],
      ] as const;
      for (const who of [page, hospital]) await who.addInitScript((l) => localStorage.setItem("phitak-lang", l), lang);
      for (const [who, name, path] of pictures) {
        await who.goto(at(path));
        await expect(who.locator("h1").first()).toBeVisible();
        await expect(who.locator(".loading")).toHaveCount(0);
        await who.evaluate(() => document.fonts.ready.then(() => undefined));
        await expect(who.locator("aside .loading, .side .loading")).toHaveCount(0);
        if (name === "queue") await expect(who.locator(".preview section").first()).toBeVisible();
        await who.screenshot({ path: `screenshots/${name}-${lang}-${theme}.png`, fullPage: who === hospital || name === "case", animations: "disabled" });
      }
    });
  }
}
