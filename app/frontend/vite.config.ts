import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// What a build takes from its arguments; an empty one counts as not given.
process.env.VITE_API_URL ||= "/api";
process.env.VITE_APP_TITLE ||= "My App";
process.env.VITE_RELEASE ||= process.env.RELEASE ?? "";

export default defineConfig({
  plugins: [react()],
  build: {
    // A data: URL would need a wider content security policy.
    assetsInlineLimit: 0,
  },
  server: {
    host: true,
    port: 5173,
    strictPort: true,
    // Without nginx in front, pass the API on, as nginx does.
    proxy: {
      "/api": {
        target: process.env.BACKEND_URL ?? "http://localhost:8000",
        rewrite: (path) => path.replace(/^\/api/, ""),
        ws: true,
      },
    },
  },
  test: {
    environment: "happy-dom",
  },
});
