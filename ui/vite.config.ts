/*
 * The build of the console: one page, its own chunk for the charts, and no
 * inline script, since apid's Content-Security-Policy allows none.
 *
 * `npm run dev` serves with hot reload and passes /api, /docs and /health on
 * to a running apid: HASHSCOPE_API, or http://127.0.0.1:8000.
 */
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const api = process.env['HASHSCOPE_API'] ?? 'http://127.0.0.1:8000'
const proxy = Object.fromEntries(
  ['/api', '/docs', '/health', '/metrics', '/openapi.json'].map((path) => [
    path,
    { target: api, changeOrigin: true, ws: path === '/api', headers: { origin: api } },
  ]),
)

export default defineConfig({
  plugins: [react()],
  base: '/',
  resolve: {
    alias: { '@': fileURLToPath(new URL('src', import.meta.url)) },
  },
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { host: '127.0.0.1', port: 5173, proxy },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
  },
})
