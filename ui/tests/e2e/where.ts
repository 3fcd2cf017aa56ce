// Which sector the browser tests drive, and where it is.
import { fileURLToPath } from "node:url";

export const FIXTURE_PORT = 8791;
export const SECTOR_PORT = 8797;
export const UPLINK_PORT = 8798;
/** Everything of the sector that is started for the tests; made anew each time. */
export const SECTOR_DATA = fileURLToPath(new URL("../../.sector", import.meta.url));

/** Given: PHITAK_RUN names its run.json. Fixtures: the stand-in. Started: `./run`, by the tests themselves. */
export const where: "given" | "fixtures" | "started" = process.env["PHITAK_RUN"] ? "given" : process.env["PHITAK_FIXTURES"] ? "fixtures" : "started";
