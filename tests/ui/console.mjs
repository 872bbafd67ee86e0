/*
 * Runs the scenarios in one Chromium and says of each on a line of JSON how it
 * went: {"name", "error"}.  --list names them; names
 * run only those.  Started by test_console.py.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { FLAGS } from './chromium.mjs'
import { SCENARIOS } from './scenarios.mjs'
import { SLOW, World } from './world.mjs'

const require = createRequire(new URL('../../ui/package.json', import.meta.url))

async function one(name, run, world) {
  try {
    await run(world)
    return null
  } catch (e) {
    const shot = join(process.env.HS_WHERE, `${name.replace(/\W+/g, '-')}.png`)
    await world.page.screenshot({ path: shot }).catch(() => undefined)
    return `${e?.stack ?? e}\nseen: ${world.page.url()}, ${shot}`
  }
}

async function main() {
  const { chromium } = require('playwright-core')
  const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
  const browser = await chromium.launch({ executablePath: process.env.HS_CHROMIUM, args: FLAGS, timeout: 3 * SLOW })
  const world = new World(browser, axe)
  await world.start()
  const only = process.argv.slice(2)
  for (const [name, run] of Object.entries(SCENARIOS)) {
    if (only.length > 0 && !only.includes(name)) continue
    console.log(JSON.stringify({ name, error: await one(name, run, world) }))
  }
  await browser.close()
  // Whatever a scenario that failed has left open.
  process.exit(0)
}

if (process.argv[2] === '--list') console.log(JSON.stringify(Object.keys(SCENARIOS)))
else await main()
