/*
 * Takes pictures of the console: `all` of its pages [by their names], of those
 * without traffic (`empty`), or those of the README.  Started by pictures.py.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { FLAGS } from './chromium.mjs'
import { World } from './world.mjs'

const require = createRequire(new URL('../../ui/package.json', import.meta.url))
const DESKTOP = { viewport: { width: 1440, height: 900 } }
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const LOOKS = {
  'desktop-light': { ...DESKTOP, colorScheme: 'light' },
  'desktop-dark': { ...DESKTOP, colorScheme: 'dark' },
  'phone-light': { ...PHONE, colorScheme: 'light' },
  'phone-dark': { ...PHONE, colorScheme: 'dark' },
}

/** What is opened by its id: found by the API. */
async function things(w) {
  const shares = (query) => w.api(`/api/shares?${query}`)
  const low = await w.until('a share that is too low', async () => (await shares('verdict=low_difficulty&limit=5'))[0])
  const stale = await w.until('a stale one', async () => (await shares('verdict=stale&pool_verdict=rejected&limit=5'))[0])
  const live = await w.api('/api/sessions?state=live')
  const notify = (await w.api('/api/messages?method=mining.notify&limit=1'))[0]
  const answer = (await w.api('/api/messages?direction=pool_to_miner&responses=1&limit=50')).find((m) => m.is_response)
  const job = await w.api(`/api/shares/${low.id}`)
  return { low: low.message_id, stale: stale.message_id, notify: notify.id, answer: answer.id, session: live[0].session_id, job: job.job }
}

const click = (name) => (page) => page.getByRole('button', { name, exact: true }).first().click()

function pages(x) {
  return {
    overview: ['/'],
    'overview-day': ['/?range=24h'],
    sessions: ['/sessions'],
    'sessions-all': ['/sessions?state=all'],
    session: [`/sessions/${x.session}`],
    'session-ask': [`/sessions/${x.session}`, click('Disconnect')],
    messages: ['/messages'],
    'messages-submit': ['/messages?method=mining.submit&errors=pool'],
    'messages-open': [`/messages?open=${x.low}`],
    'message-low': [`/messages/${x.low}`],
    'message-stale': [`/messages/${x.stale}`],
    'message-notify': [`/messages/${x.notify}`],
    'message-answer': [`/messages/${x.answer}`],
    'message-replay': [`/messages/${x.low}`, click('Replay & edit')],
    'message-none': ['/messages/999999999999'],
    shares: ['/shares'],
    'shares-rejected': ['/shares?pool_verdict=rejected'],
    workers: ['/workers'],
    jobs: ['/jobs'],
    job: [`/jobs/${x.job}`],
    alerts: ['/alerts'],
    'alerts-all': ['/alerts?state=all'],
    agents: ['/agents'],
    agent: ['/agents?agent=rack-agent-1'],
    'agent-silent': ['/agents?agent=barn-agent'],
    settings: ['/settings'],
    processes: ['/settings/processes'],
    export: ['/settings/export'],
    password: ['/settings/password'],
    users: ['/settings/users'],
    'user-new': ['/settings/users', click('New user')],
    tokens: ['/settings/tokens'],
    audit: ['/settings/audit'],
    nowhere: ['/nowhere'],
    menu: ['/', (page) => page.getByRole('button', { name: 'Menu' }).click({ timeout: 500 }).catch(() => undefined)],
    docs: ['/docs/'],
    'docs-man': ['/docs/man-hashscope.conf.5.html'],
    'docs-architecture': ['/docs/architecture.html'],
    'docs-agents': ['/docs/fleet.html'],
    'docs-search': ['/docs/', (page) => page.getByLabel('Search the manual').fill('version bits')],
    away: ['/', (page) => page.context().setOffline(true).then(() => page.waitForTimeout(6000))],
  }
}

const EMPTY = ['/', '/sessions', '/messages', '/shares', '/workers', '/jobs', '/alerts', '/agents', '/settings/tokens']

/** Long enough for what is loaded, drawn and faded in. */
const SETTLE_MS = 1500

async function one(w, page, where, name, [path, then]) {
  await page.goto(w.url + path)
  await page.waitForTimeout(SETTLE_MS)
  if (then) await then(page)
  await page.waitForTimeout(SETTLE_MS / 2)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  if (wide > 0) console.log(`${where}/${name}: ${wide} pixels too wide`)
  await page.screenshot({ path: join(process.env.HS_WHERE, `${name}.${where}.png`) })
}

async function inEveryLook(w, what) {
  for (const [look, options] of Object.entries(LOOKS)) {
    const { page, close } = await w.somebody('admin', options)
    for (const [name, how] of Object.entries(what)) {
      await one(w, page, look, name, how)
      await page.context().setOffline(false)
    }
    await close()
    const stranger = await w.browser.newContext(options)
    await one(w, await w.open(stranger), look, 'login', ['/'])
    await stranger.close()
  }
}

async function readme(w) {
  const x = await things(w)
  const { page, close } = await w.somebody('admin', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' })
  for (const [name, path, scheme] of [
    ['overview', '/', 'light'],
    ['share', `/messages?method=mining.submit&open=${x.low}`, 'dark'],
    ['shares', '/shares', 'light'],
  ]) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.goto(w.url + path)
    await page.waitForTimeout(2 * SETTLE_MS)
    await page.screenshot({ path: join(process.env.HS_WHERE, `${name}.png`) })
  }
  await close()
}

async function main() {
  const { chromium } = require('playwright-core')
  const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
  const browser = await chromium.launch({ executablePath: process.env.HS_CHROMIUM, args: FLAGS })
  const w = new World(browser, axe)
  await w.start()
  await w.go('/')
  await w.login('admin')
  const [what, ...names] = process.argv.slice(2)
  if (what === 'readme') await readme(w)
  else if (what === 'empty') await inEveryLook(w, Object.fromEntries(EMPTY.map((p) => [`empty${p.replaceAll('/', '-')}`, [p]])))
  else {
    const all = Object.entries(pages(await things(w)))
    await inEveryLook(w, Object.fromEntries(all.filter(([name]) => names.length === 0 || names.includes(name))))
  }
  if (w.problems.length > 0) console.log(w.problems)
  await browser.close()
}

await main()
