// Browser tests against a real centre with sensors that play a sector. `./run` is started for them in a folder of their own,
// unless PHITAK_RUN names the run.json of one that runs already. PHITAK_FIXTURES=1 takes the stand-in of tests/fixtures
// instead: for work on the pages only, it proves nothing about the centre.
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

import { FIXTURE_PORT, SECTOR_DATA, SECTOR_PORT, UPLINK_PORT, where } from "./tests/e2e/where";

/** The first build of everything may be part of it. */
const START_MS_MAX = 30 * 60_000;
const STOP_MS_MAX = 15_000;
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
  ...(where === "given"
    ? {}
    : where === "fixtures"
      ? { webServer: { command: `node tests/fixtures/server.mjs ${FIXTURE_PORT}`, url: `http://127.0.0.1:${FIXTURE_PORT}/` } }
      : {
          webServer: {
            command: `../run --fresh --data ${SECTOR_DATA} --port ${SECTOR_PORT} --uplink-port ${UPLINK_PORT}`,
            url: `http://127.0.0.1:${SECTOR_PORT}/healthz`,
            timeout: START_MS_MAX,
            gracefulShutdown: { signal: "SIGTERM" as const, timeout: STOP_MS_MAX },
          },
        }),
});
