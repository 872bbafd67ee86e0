/*
 * The console under load, in Chromium; started by console.py, which has
 * HashScope and its traffic ready.  Lines of JSON tell what was measured;
 * where more has to happen outside, it asks for it on stdout and goes on when
 * a line comes on stdin.
 */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { figures, percentile, traced } from './console_trace.mjs'

const require = createRequire(new URL('../../ui/package.json', import.meta.url))
const { chromium } = require('playwright-core')

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--enable-precise-memory-info',
]
const plan = JSON.parse(process.env.HS_PLAN)
const url = process.env.HS_URL
const VIEW = { width: 1440, height: 900 }
const LIST = '[role=table] [role=rowgroup][tabindex]'

const say = (what, value) => console.log(JSON.stringify({ what, ...value }))
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

/** Has console.py do something. */
async function please(what) {
  say('please', { do: what })
  const { value, done } = await input.next()
  if (done || value !== 'done') throw new Error(`${what}: ${value ?? 'nobody answers'}`)
}

async function logIn(browser) {
  const context = await browser.newContext({ viewport: VIEW })
  const page = await context.newPage()
  const said = execFileSync(process.env.HS_CTL, ['login-url'], { encoding: 'utf8' })
  await page.goto(/(http:\S+)/.exec(said)[1])
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  const state = await context.storageState()
  await context.close()
  return state
}

async function open(browser, state, path) {
  const context = await browser.newContext({ viewport: VIEW, storageState: state })
  const page = await context.newPage()
  page.setDefaultTimeout(120_000)
  page.on('pageerror', (e) => say('broken', { error: e.message }))
  await page.goto(url + path)
  await page.getByRole('heading', { level: 1 }).waitFor()
  const cdp = await context.newCDPSession(page)
  await cdp.send('Performance.enable')
  return { page, cdp, close: () => context.close() }
}

/** MB of JavaScript's heap and DOM nodes, after all garbage is gone. */
async function memory({ page, cdp }) {
  await cdp.send('HeapProfiler.collectGarbage')
  const { metrics } = await cdp.send('Performance.getMetrics')
  const of = (name) => metrics.find((m) => m.name === name).value
  return {
    heap: of('JSHeapUsedSize') / 1e6,
    nodes: of('Nodes'),
    elements: await page.evaluate(() => document.getElementsByTagName('*').length),
  }
}

/** How the list stands: rows, gaps, and how old its newest is. */
function standing(page) {
  return page.evaluate((list) => {
    const box = document.querySelector(list)
    const rows = [...box.querySelectorAll('[role=row]')]
    const at = rows.map((r) => Date.parse(r.querySelector('time')?.dateTime ?? '')).filter((x) => x > 0)
    return {
      kept: Number(document.querySelector('[role=table]').getAttribute('aria-rowcount')) - 1,
      rows: rows.length,
      gaps: rows.filter((r) => r.id.startsWith('row-gap')).length,
      behind: at.length > 0 ? Date.now() - Math.max(...at) : null,
      live: document.body.innerText.includes('live'),
    }
  }, LIST)
}

/** The live list, in halves with the heap between them. */
async function live(browser, state) {
  const tab = await open(browser, state, '/messages')
  await tab.page.locator('[id^=row-]').first().waitFor()
  await tab.page.waitForTimeout(plan.warm * 1000)
  const heap = [await memory(tab)]
  const behind = []
  for (let half = 0; half < 2; half++) {
    const events = await traced(browser, tab.page, async () => {
      const end = Date.now() + plan.seconds * 500
      while (Date.now() < end) {
        await tab.page.waitForTimeout(Math.min(5000, Math.max(100, end - Date.now())))
        behind.push((await standing(tab.page)).behind)
      }
    })
    say('live', { half, ...figures(events) })
    heap.push(await memory(tab))
  }
  say('memory', { of: 'live', heap, ...(await standing(tab.page)), behind: percentile(behind.filter((x) => x !== null), 0.5) })
  await tab.close()
}

/** The other pages, each for a while. */
async function pages(browser, state) {
  for (const path of ['/', '/sessions', '/shares']) {
    const tab = await open(browser, state, path)
    await tab.page.waitForTimeout(plan.warm * 500)
    const before = await memory(tab)
    const events = await traced(browser, tab.page, () => tab.page.waitForTimeout(plan.pages * 1000))
    say('page', { path, ...figures(events), heap: [before, await memory(tab)] })
    await tab.close()
  }
}

/** Turns the wheel for so long, as fast as frames come. */
async function wheel({ page, cdp }, seconds, delta) {
  const end = Date.now() + seconds * 1000
  while (Date.now() < end) {
    await cdp.send('Input.dispatchMouseEvent', { type: 'mouseWheel', x: 800, y: 500, deltaX: 0, deltaY: delta })
    await page.waitForTimeout(16)
  }
}

/** To these parts of the list, as somebody does who drags the bar. */
async function jumps({ page }, parts) {
  for (const part of parts) {
    await page.evaluate(([list, p]) => {
      const box = document.querySelector(list)
      box.scrollTop = p * (box.scrollHeight - box.clientHeight)
    }, [LIST, part])
    await page.waitForTimeout(400)
  }
}

/** How often a look at the middle of the list finds no message there. */
async function watched({ page }, run) {
  await page.evaluate((list) => {
    const box = document.querySelector(list).getBoundingClientRect()
    const seen = (window.seen = { looks: 0, empty: 0 })
    seen.timer = setInterval(() => {
      const at = document.elementFromPoint(box.left + 40, box.top + box.height / 2)
      seen.looks++
      if (!at?.closest('[role=row]')?.querySelector('time')) seen.empty++
    }, 100)
  }, LIST)
  await run()
  return page.evaluate(() => {
    clearInterval(window.seen.timer)
    return { looks: window.seen.looks, empty: window.seen.empty }
  })
}

/** Through a full store, while more comes. */
async function scroll(browser, state) {
  const tab = await open(browser, state, '/messages')
  await tab.page.locator('[id^=row-]').first().waitFor()
  const rows = () => standing(tab.page).then((s) => s.kept)
  const heap = [await memory(tab)]
  const turns = {
    down: () => wheel(tab, plan.scroll, 1500),
    up: () => wheel(tab, plan.scroll / 2, -1500),
    'down on': () => wheel(tab, plan.scroll, 3000),
    jumps: () => jumps(tab, [0.5, 0.1, 0.9, 0, 1, 0.3, 1, 0.7, 0.01, 1, 0]),
  }
  for (const [how, run] of Object.entries(turns)) {
    let seen
    const events = await traced(browser, tab.page, async () => {
      seen = await watched(tab, run)
    })
    say('scroll', { how, ...figures(events), ...seen, rows: await rows() })
    heap.push(await memory(tab))
  }
  const newer = tab.page.getByRole('button', { name: /new message/ })
  if ((await newer.count()) > 0) await newer.click()
  await tab.page.getByText('live', { exact: true }).waitFor()
  say('memory', { of: 'scroll', heap, ...(await standing(tab.page)) })
  await tab.close()
}

/** From an empty cache to the first paint and to the first figure. */
async function paint(browser, state) {
  const marks = { '/': 'dl dd', '/messages': '[id^=row-] time', '/shares': 'tbody tr[style]' }
  for (const [path, first] of Object.entries(marks)) {
    const all = []
    for (let i = 0; i < plan.paints; i++) all.push(await paintOnce(browser, state, path, first))
    const of = (key) => percentile(all.map((x) => x[key]), 0.5)
    say('paint', { path, contentful: of('contentful'), useful: of('useful'), files: of('files'), api: of('api'), requests: of('requests'), worst: Math.max(...all.map((x) => x.useful)) })
  }
}

async function paintOnce(browser, state, path, first) {
  const context = await browser.newContext({ viewport: VIEW, storageState: state })
  const page = await context.newPage()
  const cdp = await context.newCDPSession(page)
  const bytes = { files: 0, api: 0 }
  let requests = 0
  const paths = new Map()
  await cdp.send('Network.enable')
  cdp.on('Network.requestWillBeSent', (e) => paths.set(e.requestId, new URL(e.request.url).pathname))
  cdp.on('Network.loadingFinished', (e) => {
    bytes[paths.get(e.requestId)?.startsWith('/api/') ? 'api' : 'files'] += e.encodedDataLength / 1024
    requests++
  })
  await page.addInitScript((what) => {
    const look = () => {
      const el = document.querySelector(what)
      if (!el || !/\d/.test(el.textContent)) return requestAnimationFrame(look)
      // It is on the screen with the frame that begins now.
      requestAnimationFrame(() => (window.useful = performance.now()))
    }
    requestAnimationFrame(look)
  }, first)
  await page.goto(url + path)
  await page.waitForFunction(() => window.useful)
  const got = await page.evaluate(() => ({
    useful: window.useful,
    contentful: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
  }))
  await context.close()
  return { ...got, ...bytes, requests }
}

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.HS_CHROMIUM, args: FLAGS })
  try {
    const state = await logIn(browser)
    if (plan.parts.includes('live')) await live(browser, state)
    if (plan.parts.includes('pages')) await pages(browser, state)
    if (plan.parts.includes('scroll') || plan.parts.includes('paint')) await please('fill')
    if (plan.parts.includes('scroll')) await scroll(browser, state)
    if (plan.parts.includes('paint')) {
      await please('quiet')
      await paint(browser, state)
    }
  } finally {
    await browser.close()
  }
}

await main()
process.exit(0)
