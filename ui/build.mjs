/*
 * Builds dist/: `console` by Vite, `docs` by docs/build.mjs, which are
 * separate since a manual page changes more often.  Says the size of the
 * console, compressed, against its bound.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const BOUND_KIB = 350
const root = dirname(fileURLToPath(import.meta.url))
const dist = join(root, 'dist')
const kib = (n) => (n / 1024).toFixed(0)

function sizes() {
  let all = 0
  let first = 0
  for (const file of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const dir = file.parentPath ?? file.path
    if (!file.isFile() || dir.startsWith(join(dist, 'docs')) || file.name.startsWith('.')) continue
    const size = gzipSync(readFileSync(join(dir, file.name)), { level: 9 }).length
    all += size
    if (/^index[-.]/.test(file.name)) first += size
  }
  return { all, first }
}

async function buildConsole() {
  const { build } = await import('vite')
  for (const name of readdirSync(dist)) if (name !== 'docs') rmSync(join(dist, name), { recursive: true })
  await build({ root, logLevel: 'warn' })
  const { all, first } = sizes()
  console.log(`  UI    console: ${kib(all)} KiB compressed of ${BOUND_KIB}, ${kib(first)} before the first page`)
  if (all > BOUND_KIB * 1024) throw new Error(`the console is larger than ${BOUND_KIB} KiB`)
}

async function buildManual() {
  const { buildDocs } = await import('./docs/build.mjs')
  rmSync(join(dist, 'docs'), { recursive: true, force: true })
  console.log(`  UI    manual: ${buildDocs(join(dist, 'docs'))} pages`)
}

process.chdir(root)
mkdirSync(dist, { recursive: true })
const parts = { console: buildConsole, docs: buildManual }
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts)) await parts[name]()
