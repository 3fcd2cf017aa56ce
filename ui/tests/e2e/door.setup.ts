// Through the door once: the administrator by the first link, who makes an analyst and a hospital's person.
import { expect, test } from "@playwright/test";
import { cookiesOf, hospitalWhere, keepFacility, mendedAt, newPerson, run, runReady, signIn, type Item } from "./sector";

test("the administrator comes in by the first link and lets an analyst and a hospital in", async ({ browser }) => {
  test.setTimeout(240_000);
  await runReady();
  const administrator = await browser.newContext();
  const page = await administrator.newPage();
  await signIn(page, "admin", run().admin_link);
  await expect(page.getByRole("heading", { level: 1, name: "คิว" })).toBeVisible();
  await administrator.storageState({ path: cookiesOf("administrator") });

  // A hospital with an open weakness that the traffic will mend; when it has mended all, any open weakness.
  const open = (i: Item): boolean => i.type === "finding" && i.state === "open";
  const care = await hospitalWhere(
    administrator,
    (c) => c.items.some((i) => open(i) && (mendedAt(c.facility.code)?.some((m) => m.kind === i.kind && m.address === i.machines[0]?.address) ?? true)),
    (c) => c.items.some(open),
  );
  keepFacility(care.facility.code);

  const code = care.facility.code;
  for (const [who, login, role, scope] of [
    ["hospital", `hospital-${code.toLowerCase()}`, "hospital", { kind: "facility", facility: code }],
    ["analyst", "e2e-analyst", "analyst", { kind: "sector" }],
  ] as const) {
    const given = who === "hospital" ? run().hospital_links[code] : undefined;
    const link = given ?? (await newPerson(administrator, login, role, scope));
    const context = await browser.newContext();
    await signIn(await context.newPage(), login, link);
    await context.storageState({ path: cookiesOf(who) });
    await context.close();
  }
});
