// Through the door once: the administrator by the first link, who makes an analyst and a hospital's person.
import { expect, test } from "@playwright/test";
import { cookiesOf, hospitalWhere, keepFacility, mendedAt, newPerson, run, signIn } from "./sector";

test("the administrator comes in by the first link and lets an analyst and a hospital in", async ({ browser }) => {
  test.setTimeout(240_000);
  const administrator = await browser.newContext();
  const page = await administrator.newPage();
  await signIn(page, "admin", run.admin_link);
  await expect(page.getByRole("heading", { level: 1, name: "คิว" })).toBeVisible();
  await administrator.storageState({ path: cookiesOf("administrator") });

  // A hospital with an open weakness that the traffic will mend.
  const care = await hospitalWhere(administrator, (c) => {
    const mended = mendedAt(c.facility.code);
    return c.items.some((i) => i.type === "finding" && i.state === "open" && (mended === null || mended.includes(i.host?.address ?? "")));
  });
  keepFacility(care.facility.code);

  const code = care.facility.code;
  for (const [who, login, role, scope] of [
    ["analyst", "e2e-analyst", "analyst", { kind: "sector" }],
    ["hospital", `hospital-${code.toLowerCase()}`, "hospital", { kind: "facility", facility: code }],
  ] as const) {
    const given = who === "hospital" ? run.hospital_links[code] : undefined;
    const link = given ?? (await newPerson(administrator, login, role, scope));
    const context = await browser.newContext();
    await signIn(await context.newPage(), login, link);
    await context.storageState({ path: cookiesOf(who) });
    await context.close();
  }
});
