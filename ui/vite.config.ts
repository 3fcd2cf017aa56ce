import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// Browsers as old as Chrome 109 are in use (the last for Windows 7), so the output is held to what they understand.
// Nothing is inlined: the centre serves everything under `default-src 'self'`, which forbids data: addresses.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: ["chrome109", "firefox115", "safari16"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 150,
  },
  server: {
    proxy: { "/api": { target: process.env["PHITAK_CENTRE"] ?? "http://127.0.0.1:8780", changeOrigin: false } },
  },
  test: { include: ["tests/unit/**/*.test.ts", "src/**/*.test.ts"], environment: "node" },
});
