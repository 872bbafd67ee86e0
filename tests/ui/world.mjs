/*
 * The browser, the API beside it, and what else a scenario needs to touch:
 * hashscopectl, processes, a miner's socket.
 */
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

export const SLOW = Number(process.env.HS_SLOW ?? 20) * 1000

export class World {
  constructor(browser, axe) {
    this.browser = browser
    this.axe = axe
    this.url = process.env.HS_URL
    this.slow = SLOW
    this.problems = []
  }

  async start() {
    this.context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true })
    this.page = await this.open(this.context)
  }

  /** A page that notes what goes wrong in it. */
  async open(context) {
    const page = await context.newPage()
    page.setDefaultTimeout(SLOW)
    page.on('pageerror', (e) => this.problems.push(e.message))
    return page
  }

  /** Goes to a page of the console. */
  async go(path, page = this.page) {
    await page.goto(this.url + path)
  }

  async login(user, page = this.page) {
    await page.getByLabel('User').fill(user)
    await page.getByLabel('Password').fill(process.env.HS_PASSWORD)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  }

  /** Somebody else, in a context of their own; ended by its close(). */
  async somebody(user, options = {}) {
    const context = await this.browser.newContext(options)
    const page = await this.open(context)
    await this.go('/', page)
    await this.login(user, page)
    return { page, close: () => context.close() }
  }

  /** What the API says, as whoever is logged in. */
  async api(path) {
    const r = await this.context.request.get(this.url + path)
    assert.equal(r.status(), 200, `${path}: ${await r.text()}`)
    return r.json()
  }

  /** Asks until the answer is true; returns it. */
  async until(what, ask) {
    const end = Date.now() + SLOW
    for (;;) {
      const got = await ask()
      if (got) return got
      assert(Date.now() < end, `no ${what} within ${SLOW} ms`)
      await this.page.waitForTimeout(50)
    }
  }

  ctl(...words) {
    return execFileSync(process.env.HS_CTL, words, { encoding: 'utf8', timeout: SLOW })
  }

  pid(role) {
    return JSON.parse(this.ctl('-j', 'show', 'processes')).find((p) => p.role === role).pid
  }

  /** Waits until a session may have more copied: nothing is while it fills its part of the ring. */
  room() {
    return this.until('room in the ring', () => JSON.parse(this.ctl('-j', 'show', 'summary')).tap.ring_used < 65536)
  }

  /** A connection as a miner's; of what it hears it has the number of lines, .heard. */
  async miner(where = process.env.HS_MINERS) {
    const [host, port] = where.split(' ')
    const socket = connect(Number(port), host)
    await new Promise((done, failed) => socket.once('connect', done).once('error', failed))
    socket.on('error', () => undefined)
    socket.heard = 0
    socket.on('data', (some) => {
      for (const byte of some) if (byte === 10) socket.heard++
    })
    return socket
  }

  /** The pool behind HS_ODD_MINERS: says what answer(message) has, each on a line. */
  async oddPool(answer) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      createInterface({ input: socket }).on('line', (line) => {
        for (const m of answer(JSON.parse(line))) socket.write(`${JSON.stringify(m)}\n`)
      })
    })
    const [host, port] = process.env.HS_ODD_POOL.split(' ')
    await new Promise((done, failed) => server.once('error', failed).listen(Number(port), host, done))
    return server
  }

  /** Waits until all of it is with the kernel. */
  send(socket, text) {
    return new Promise((done) => socket.write(text, done))
  }

  /** Another way to the console, which can be cut and mended. */
  async way() {
    const to = new URL(this.url)
    const open = new Set()
    let whole = true
    const server = createServer((near) => {
      if (!whole) return near.destroy()
      const far = connect(Number(to.port), to.hostname)
      for (const [a, b] of [[near, far], [far, near]]) {
        open.add(a)
        a.on('error', () => undefined)
        a.on('close', () => {
          open.delete(a)
          b.destroy()
        })
        a.pipe(b)
      }
    })
    await new Promise((done) => server.listen(0, to.hostname, done))
    const cut = () => {
      whole = false
      for (const s of open) s.destroy()
    }
    return {
      url: `http://${to.hostname}:${server.address().port}`,
      cut,
      mend: () => (whole = true),
      close: () => {
        cut()
        server.close()
      },
    }
  }

  /** What axe finds serious on the page as it is. */
  async check(page = this.page) {
    await page.evaluate(this.axe)
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
    const serious = found.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
    return serious.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`)
  }
}
