// Every page, one entry each. A new page is a folder in ../pages and a line here.
import type { Component } from "svelte";
import type { Role } from "../api/model";
import type { Words } from "../i18n/th";

export type PageProps = { params: Record<string, string> };

/** A page takes the values of its path, or nothing. */
export type Page = Component<PageProps> | Component<Record<string, never>>;

export type Route = {
  /** With `:name` for parts that vary. */
  path: string;
  page: () => Promise<{ default: Page }>;
  /** Who may open it; "anyone" needs no session. */
  who: readonly Role[] | "anyone";
  /** In the menu, with the letter after `g`. */
  menu?: { words: (t: Words) => string; go: string };
  /** The frame around it: the analysts' menu, or the bare page of a hospital. */
  frame: "work" | "bare";
};

const TEAM: readonly Role[] = ["administrator", "analyst", "region_officer"];
const SECTOR: readonly Role[] = ["administrator", "analyst"];
const ADMINISTRATOR: readonly Role[] = ["administrator"];
const EVERYBODY: readonly Role[] = [...TEAM, "hospital"];

export const routes: readonly Route[] = [
  { path: "/queue", page: () => import("../pages/queue/Queue.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.nav.queue, go: "q" } },
  { path: "/overview", page: () => import("../pages/overview/Overview.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.nav.overview, go: "o" } },
  { path: "/facilities", page: () => import("../pages/facilities/Facilities.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.nav.facilities, go: "h" } },
  { path: "/weaknesses", page: () => import("../pages/weaknesses/Weaknesses.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.nav.weaknesses, go: "w" } },
  { path: "/bulletins", page: () => import("../pages/bulletins/Bulletins.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.nav.bulletins, go: "b" } },
  { path: "/duty", page: () => import("../pages/duty/Duty.svelte"), who: SECTOR, frame: "work", menu: { words: (t) => t.notify.title, go: "d" } },
  { path: "/cases", page: () => import("../pages/cases/Cases.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.nav.cases, go: "c" } },
  { path: "/indicators", page: () => import("../pages/indicators/Indicators.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.nav.indicators, go: "i" } },
  { path: "/rules", page: () => import("../pages/rules/Rules.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.rules.title, go: "r" } },
  { path: "/suppressions", page: () => import("../pages/suppressions/Suppressions.svelte"), who: SECTOR, frame: "work", menu: { words: (t) => t.triage.suppressions.title, go: "s" } },
  { path: "/techniques", page: () => import("../pages/techniques/Techniques.svelte"), who: TEAM, frame: "work", menu: { words: (t) => t.triage.attack.title, go: "a" } },
  { path: "/people", page: () => import("../pages/people/People.svelte"), who: ADMINISTRATOR, frame: "work", menu: { words: (t) => t.nav.people, go: "p" } },
  { path: "/audit", page: () => import("../pages/audit/Audit.svelte"), who: ADMINISTRATOR, frame: "work", menu: { words: (t) => t.nav.audit, go: "l" } },
  { path: "/stories/:id", page: () => import("../pages/story/Story.svelte"), who: TEAM, frame: "work" },
  { path: "/bulletins/new", page: () => import("../pages/compose/Compose.svelte"), who: SECTOR, frame: "work" },
  { path: "/bulletins/:id", page: () => import("../pages/bulletin/Bulletin.svelte"), who: TEAM, frame: "work" },
  { path: "/bulletins/:id/edit", page: () => import("../pages/compose/Compose.svelte"), who: SECTOR, frame: "work" },
  { path: "/suppressions/new", page: () => import("../pages/suppress/Suppress.svelte"), who: SECTOR, frame: "work" },
  { path: "/cases/new", page: () => import("../pages/case-open/OpenCase.svelte"), who: SECTOR, frame: "work" },
  { path: "/cases/:id", page: () => import("../pages/case/Case.svelte"), who: SECTOR, frame: "work" },
  { path: "/cases/:id/shared", page: () => import("../pages/case-shared/SharedCase.svelte"), who: EVERYBODY, frame: "bare" },
  { path: "/alerts/:id", page: () => import("../pages/alert/Alert.svelte"), who: TEAM, frame: "work" },
  { path: "/addresses/:address", page: () => import("../pages/address/Address.svelte"), who: TEAM, frame: "work" },
  { path: "/facilities/:code", page: () => import("../pages/facility/Facility.svelte"), who: TEAM, frame: "work" },
  { path: "/channels", page: () => import("../pages/channels/Channels.svelte"), who: ADMINISTRATOR, frame: "work" },
  { path: "/deliveries", page: () => import("../pages/deliveries/Deliveries.svelte"), who: SECTOR, frame: "work" },
  { path: "/care/duty", page: () => import("../pages/duty/OwnDuty.svelte"), who: ["hospital"], frame: "bare" },
  { path: "/account", page: () => import("../pages/account/Account.svelte"), who: EVERYBODY, frame: "bare" },
  { path: "/care", page: () => import("../pages/care/Care.svelte"), who: ["hospital"], frame: "bare" },
  { path: "/h/:code", page: () => import("../pages/care/Care.svelte"), who: EVERYBODY, frame: "bare" },
  { path: "/sign-in", page: () => import("../pages/sign-in/SignIn.svelte"), who: "anyone", frame: "bare" },
  { path: "/acknowledge/:token", page: () => import("../pages/acknowledge/Acknowledge.svelte"), who: "anyone", frame: "bare" },
  { path: "/first-sign-in/:token", page: () => import("../pages/first-sign-in/FirstSignIn.svelte"), who: "anyone", frame: "bare" },
];

export const MISSING: Route = { path: "*", page: () => import("../pages/missing/Missing.svelte"), who: "anyone", frame: "bare" };

/** The page a person starts on. */
export function homeOf(role: Role): string {
  if (role === "hospital") return "/care";
  return role === "region_officer" ? "/overview" : "/queue";
}

/** The route of a path and the values of its parts. */
export function routeOf(path: string): { route: Route; params: Record<string, string> } {
  const parts = path.replace(/\/+$/, "").split("/");
  for (const route of routes) {
    const params = matched(route.path.split("/"), parts);
    if (params) return { route, params };
  }
  return { route: MISSING, params: {} };
}

function matched(wanted: readonly string[], parts: readonly string[]): Record<string, string> | null {
  if (wanted.length !== parts.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const given = parts[i] ?? "";
    if (part.startsWith(":")) {
      try {
        params[part.slice(1)] = decodeURIComponent(given);
      } catch {
        return null;
      }
      if (!given) return null;
    } else if (part !== given) return null;
  }
  return params;
}
