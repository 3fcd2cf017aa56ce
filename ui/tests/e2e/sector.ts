// The running sector that the tests drive, its people, and how a test asks its centre directly.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { FIXTURE_PORT, SECTOR_DATA, where } from "./where";
import { expect, test, type Browser, type BrowserContext, type Page } from "@playwright/test";

/** What `./run` writes into its data folder. Links work once and are new at each start. */
export type Run = {
  url: string;
  /** The administrator's link. */
  admin_link: string;
  /** One link a hospital, by its code. */
  hospital_links: Record<string, string>;
  /** Folder of the simulator: what really happened, hospital by hospital. */
  truth?: string;
};

export const PASSWORD = "correct horse battery staple";
const FOLDER = ".people";
const FIXTURE_URL = `http://127.0.0.1:${FIXTURE_PORT}`;
const FIXTURE: Run = { url: FIXTURE_URL, admin_link: `${FIXTURE_URL}/first-sign-in/admin`, hospital_links: {} };
const run_file = process.env["PHITAK_RUN"] ?? join(SECTOR_DATA, "run.json");

let known: Run | undefined;

/** The sector as it told itself. */
export function run(): Run {
  known ??= where === "fixtures" ? FIXTURE : (JSON.parse(readFileSync(run_file, "utf8")) as Run);
  return known;
}

/** Waits until the sector has told where it is: that comes a moment after its centre answers. */
export async function runReady(patience_ms = 120_000): Promise<void> {
  for (const until = Date.now() + patience_ms; where !== "fixtures" && !existsSync(run_file); ) {
    if (Date.now() > until) throw new Error(`no ${run_file}: did ./run start?`);
    await new Promise((done) => setTimeout(done, 300));
  }
}

type WeakHost = { kind: string; address: string; mended_at: string | null };

/** Weaknesses that the played traffic mends at a hospital; null when that is not known. */
export function mendedAt(code: string): { kind: string; address: string }[] | null {
  const { truth } = run();
  if (!truth) return null;
  // The folder is told as `./run` knows it: from where it was started, which is above the data folder.
  for (const above of [dirname(run_file), dirname(dirname(run_file)), "."]) {
    const file = resolve(above, truth, "hospitals", code, "truth.json");
    if (existsSync(file)) return (JSON.parse(readFileSync(file, "utf8")) as { weak_hosts: WeakHost[] }).weak_hosts.filter((h) => h.mended_at !== null);
  }
  return null;
}

/** The address of a page of the sector. */
export function at(path: string): string {
  return new URL(path, run().url).href;
}

/** Where a signed-in person's cookies are kept between tests. */
export function cookiesOf(who: "administrator" | "analyst" | "hospital"): string {
  mkdirSync(FOLDER, { recursive: true });
  return join(FOLDER, `${who}.json`);
}

export function keepFacility(code: string): void {
  writeFileSync(join(FOLDER, "facility.txt"), code);
}
export function keptFacility(): string {
  return readFileSync(join(FOLDER, "facility.txt"), "utf8");
}

let pages_of = "";
let opened: BrowserContext[] = [];

/** A page of somebody who is signed in already. Those of earlier tests are closed: a session has so many live pages and no more. */
export async function pageOf(browser: Browser, who: "administrator" | "analyst" | "hospital", more: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
  const { testId } = test.info();
  if (testId !== pages_of) {
    await Promise.all(opened.map((context) => context.close()));
    [pages_of, opened] = [testId, []];
  }
  const context = await browser.newContext({ storageState: cookiesOf(who), ...more });
  opened.push(context);
  return context.newPage();
}

type Asked = { status: number; body: unknown };

/** Asks the centre as the page's person. */
export async function ask(context: BrowserContext, method: string, path: string, data?: unknown): Promise<Asked> {
  const headers: Record<string, string> = {};
  if (method !== "GET") {
    const me = (await (await context.request.get(at("/api/v1/session"))).json()) as { csrf: string };
    headers["x-csrf-token"] = me.csrf;
    headers["origin"] = new URL(run().url).origin;
  }
  const response = await context.request.fetch(at(`/api/v1${path}`), { method, headers, ...(data === undefined ? {} : { data }) });
  const text = await response.text();
  return { status: response.status(), body: text ? JSON.parse(text) : null };
}

export async function get<T>(context: BrowserContext, path: string): Promise<T> {
  const { status, body } = await ask(context, "GET", path);
  expect(status, path).toBe(200);
  return body as T;
}

/** A new person's one-time link; null when the person exists from an earlier run. */
export async function newPerson(administrator: BrowserContext, login: string, role: string, scope: object): Promise<string | null> {
  const { status, body } = await ask(administrator, "POST", "/users", { login, name: `ผู้ทดสอบ ${login}`, role, scope });
  if (status === 409) return null;
  expect([200, 201], JSON.stringify(body)).toContain(status);
  const { pathname } = new URL((body as { first_sign_in_url: string }).first_sign_in_url, run().url);
  return at(pathname);
}

/** Through the door: by the one-time link the first time, by name and password after. */
export async function signIn(page: Page, login: string, link: string | null): Promise<void> {
  if (link) {
    await page.goto(link);
    const field = page.locator("#new-password");
    await expect(field.or(page.getByRole("link", { name: "เข้าสู่ระบบ" }))).toBeVisible();
    if (await field.isVisible()) {
      await field.fill(PASSWORD);
      await page.locator("#again").fill(PASSWORD);
      await page.getByRole("button", { name: "ตั้งรหัสผ่านและเข้าใช้งาน" }).click();
      await expect(page).not.toHaveURL(/first-sign-in/);
      return;
    }
  }
  await page.goto(at("/sign-in"));
  await page.locator("#login").fill(login);
  await page.locator("#password").fill(PASSWORD);
  await page.getByRole("button", { name: "เข้าสู่ระบบ", exact: true }).click();
  await expect(page).not.toHaveURL(/sign-in/);
}

export type Item = { id: number; type: string; state: string; kind: string; title: { th: string }; machines: { address: string }[] };
export type Care = { facility: { code: string }; state: string; items: Item[] };
type Facilities = { items: { code: string; state: string }[]; next_cursor: string | null };

/** A hospital whose own page is as `wanted`, waited for while the sector plays; after `settle_ms` one that is `enough` will do. */
export async function hospitalWhere(context: BrowserContext, wanted: (care: Care) => boolean, enough: (care: Care) => boolean = wanted, settle_ms = 60_000): Promise<Care> {
  const begun = Date.now();
  for (;;) {
    const facilities = await get<Facilities>(context, "/facilities?limit=200");
    const pages = [];
    for (const f of facilities.items) pages.push(await get<Care>(context, `/facilities/${encodeURIComponent(f.code)}/care`));
    const found = pages.find(wanted) ?? (Date.now() - begun > settle_ms ? pages.find(enough) : undefined);
    if (found) return found;
    if (Date.now() - begun > 2 * settle_ms) throw new Error("no hospital came into the wanted state: is the sector playing?");
    await new Promise((done) => setTimeout(done, 1_000));
  }
}

/** Moves the focus with Tab only, as a keyboard does, once what is wanted is there: a page comes a moment after its key. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  await expect(page.locator(selector).filter({ visible: true }).first()).toBeVisible();
  for (let i = 0; i < 60; i += 1) {
    if (await page.evaluate((s) => document.activeElement?.matches(s) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not reach ${selector}`);
}

/** A warning to every hospital, sent by the page's person; gives its id. */
export async function warnEverybody(context: BrowserContext, title: string): Promise<number> {
  const text = (th: string): object => ({ th, en: "" });
  const check = { kind: "service", addresses: [], weakness: null, protocol: "smb", port: 445 };
  const draft = { title: text(title), what: text("เกิดเหตุที่อื่น"), why: text("ระบบอาจหยุด"), steps: [text("ทำสิ่งนี้")], undo: text(""), who: text(""), tlp: "amber", severity: "high", due_hours: 24, check, story_id: null };
  const made = await ask(context, "POST", "/bulletins", draft);
  expect(made.status, JSON.stringify(made.body)).toBe(200);
  const { id } = made.body as { id: number };
  const { facilities_total } = await get<{ facilities_total: number }>(context, "/overview");
  const sent = await ask(context, "POST", `/bulletins/${id}/publish`, { everyone: true, by_hand: [], expected: facilities_total });
  expect(sent.status, JSON.stringify(sent.body)).toBe(200);
  return id;
}
