import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` shows the page with its API taken from a Redshank that runs here.
const api = process.env.REDSHANK_API ?? "http://127.0.0.1:8970";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/redshank/web/page",
    emptyOutDir: true,
    target: "es2022",
    // Inlined files would need `data:` in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": { target: api, ws: true }, "/healthz": api } },
});
