import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` serves the sources; the API is that of the stack at AUTOMIX_URL.
const gateway = process.env.AUTOMIX_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte()],
  // The page's policy allows no inline scripts and no data URLs for them: everything is a file of its own.
  build: {
    outDir: "../services/gateway/src/automix_gateway/studio",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { proxy: { "^/(v1|automix|readyz)": gateway } },
});
