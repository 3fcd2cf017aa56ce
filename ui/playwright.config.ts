// Browser tests. They drive a sector that already runs: PHITAK_RUN names its run.json ({ "url", "admin_link", "hospital_links" }).
// Without it the stand-in of tests/fixtures is started, which is for work on the pages only.
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const PORT = 8791;
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium", "/usr/bin/google-chrome"];
const browser = process.env["PHITAK_CHROMIUM"] ?? BROWSERS.find((path) => existsSync(path));
if (!browser) throw new Error("no Chromium found: apt-get install chromium, or name one in PHITAK_CHROMIUM");

export default defineConfig({
  testDir: "tests/e2e",
  outputDir: "test-results",
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    baseURL: process.env["PHITAK_RUN"] ? undefined : `http://127.0.0.1:${PORT}`,
    ignoreHTTPSErrors: true,
    locale: "th-TH",
    timezoneId: "Asia/Bangkok",
    viewport: { width: 1440, height: 900 },
    colorScheme: "light",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: browser,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-first-run", "--no-default-browser-check"],
    },
  },
  projects: [
    { name: "door", testMatch: /door\.setup\.ts/ },
    // First: a weakness must be answered before the played traffic mends it.
    { name: "mending", testMatch: /mending\.spec\.ts/, dependencies: ["door"] },
    { name: "e2e", testMatch: /.*\.spec\.ts/, testIgnore: /mending/, dependencies: ["door"] },
    { name: "screenshots", testMatch: /screenshots\.pictures\.ts/, dependencies: ["door"] },
  ],
  ...(process.env["PHITAK_RUN"]
    ? {}
    : { webServer: { command: `node tests/fixtures/server.mjs ${PORT}`, url: `http://127.0.0.1:${PORT}/`, reuseExistingServer: false } }),
});
