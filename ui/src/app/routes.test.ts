import { expect, it } from "vitest";
import { MISSING, routeOf, routes } from "./routes";

it("a_path_finds_its_page_and_its_values", () => {
  expect(routeOf("/stories/42")).toMatchObject({ route: { path: "/stories/:id" }, params: { id: "42" } });
  expect(routeOf("/bulletins/new").route.path).toBe("/bulletins/new");
  expect(routeOf("/bulletins/7")).toMatchObject({ route: { path: "/bulletins/:id" }, params: { id: "7" } });
  expect(routeOf("/queue/").route.path).toBe("/queue");
  expect(routeOf("/h/A%2FB").params).toEqual({ code: "A/B" });
});

it("a_path_that_leads_nowhere_finds_the_missing_page", () => {
  for (const path of ["/nowhere", "/stories", "/stories/", "/stories/1/2", "/h/%zz"]) expect(routeOf(path).route).toBe(MISSING);
});

it("every_path_and_every_letter_is_used_once", () => {
  const letters = routes.flatMap((r) => (r.menu ? [r.menu.go] : []));
  expect(new Set(letters).size).toBe(letters.length);
  expect(new Set(routes.map((r) => r.path)).size).toBe(routes.length);
});
