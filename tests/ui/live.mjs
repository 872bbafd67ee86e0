/*
 * The message list while much comes, and when something was missed: what an
 * operator sees is compared with what the store has.
 */
import { strict as assert } from 'node:assert'
import { readFileSync, writeFileSync } from 'node:fs'

const LIST = '[role=table] [role=rowgroup][tabindex]'
const A_SECOND = 1000 // submits; each has an answer
const SECONDS = 4
// Rows that are kept and rows that are made, on a screen of 900 pixels.
const KEPT = 2000
const MADE = 60
const ELEMENTS = 3000

const line = (method, id) => `${JSON.stringify({ id, method, params: [`number ${id}`] })}\n`

/** How the list stands. */
function standing(page) {
  return page.evaluate((list) => {
    const rows = [...document.querySelectorAll(`${list} [role=row]`)]
    return {
      ids: rows.map((r) => r.id.slice(4)),
      kept: Number(document.querySelector('[role=table]').getAttribute('aria-rowcount')) - 1,
      elements: document.getElementsByTagName('*').length,
    }
  }, LIST)
}

/** The first so many rows of the list, from its top on: id and text. */
function read(page, count) {
  return page.evaluate(async ([list, most]) => {
    const box = document.querySelector(list)
    const frame = () => new Promise((done) => requestAnimationFrame(done))
    const found = new Map()
    const height = () => Number(document.querySelector('[role=table]').getAttribute('aria-rowcount')) - 1
    for (let next = 0, tries = 0; next < Math.min(most, height()) && tries < 2000; tries++) {
      box.scrollTop = next * 30
      await frame()
      for (const r of box.querySelectorAll('[role=row]')) {
        found.set(Number(r.getAttribute('aria-rowindex')) - 2, { id: r.id.slice(4), text: r.textContent })
      }
      while (found.has(next)) next++
    }
    box.scrollTop = 0
    return [...found].sort((a, b) => a[0] - b[0]).slice(0, most).map(([row, what]) => ({ row, ...what }))
  }, [LIST, count])
}

/** All that the store has of a session, newest first. */
async function stored(w, session, count) {
  const all = []
  let before = ''
  while (all.length < count) {
    const page = await w.api(`/api/messages?session_id=${session}&responses=1&limit=1000${before}`)
    if (page.length === 0) break
    all.push(...page.map((m) => m.id))
    before = `&before=${all.at(-1)}`
  }
  return all.slice(0, count)
}

/** A miner that has said one thing and was answered, and the page of its session. */
async function begin(w, method, url = w.url) {
  const miner = await w.miner()
  await w.send(miner, line(method, 0))
  const session = await w.until('its session', async () => (await w.api(`/api/messages?method=${method}&limit=1`))[0]?.session_id)
  const [last] = await w.until('an answer', async () => {
    const both = await stored(w, session, 2)
    return both.length === 2 && both
  })
  await w.page.goto(`${url}/messages?session=${session}`)
  await w.page.getByText('live', { exact: true }).waitFor()
  await w.page.locator(`#row-${last}`).waitFor()
  return { miner, session, last }
}

/** So many submits a second, evenly; what a loaded machine lets out of that.  For so long, and until it is enough. */
async function talk(w, miner, method, seconds, enough) {
  const start = Date.now()
  let said = 1
  while (said < seconds * A_SECOND || (!enough() && Date.now() < start + w.slow)) {
    const due = 1 + Math.floor(((Date.now() - start) * A_SECOND) / 1000)
    let text = ''
    for (; said < due; said++) text += line(method, said)
    if (text !== '') await w.send(miner, text)
    await new Promise((done) => setTimeout(done, 10))
  }
  return said
}

export async function manyMessages(w) {
  const { miner, session } = await begin(w, 'mining.many')
  let over = false
  const tops = new Set()
  const talking = talk(w, miner, 'mining.many', SECONDS, () => tops.size > 2).finally(() => (over = true))
  while (!over) {
    const { ids, kept, elements } = await standing(w.page)
    assert(kept <= KEPT, `${kept} rows are kept`)
    assert(ids.length <= MADE, `${ids.length} rows are made`)
    assert(elements <= ELEMENTS, `${elements} elements`)
    assert(!ids.some((id) => id.startsWith('gap')), 'it has missed something')
    tops.add(ids[0])
    await w.page.waitForTimeout(100)
  }
  const last = await talking
  assert(tops.size > 2, `it followed ${tops.size} times`)
  // The answer to one more, after which nothing comes.
  await w.room()
  await w.send(miner, line('mining.many', last))
  await w.until('the newest', async () => {
    const [m] = await w.api(`/api/messages?session_id=${session}&responses=1&limit=1`)
    return m.is_response && m.jsonrpc_id === last && m.id === (await standing(w.page)).ids[0]
  })
  await w.page.keyboard.press(' ')
  await w.page.getByText('paused', { exact: true }).waitFor()
  // What is in the list came by the feed; the store says what there was.
  const all = await stored(w, session, KEPT - 200)
  assert(all.length > KEPT / 4, `only ${all.length} came`)
  const seen = await read(w.page, all.length)
  assert.deepEqual(seen.map((r) => r.id), all)
  miner.destroy()
}

/** With other settings, until run() is over. */
async function configured(w, more, run) {
  const file = process.env.HS_CONF
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, `${text}\n${more}\n`)
  try {
    w.ctl('reload')
    await run()
  } finally {
    writeFileSync(file, text)
    w.ctl('reload')
  }
}

/** The network is away for longer than the store keeps what came meanwhile. */
export async function missed(w) {
  const way = await w.way()
  try {
    await missedOn(w, way)
  } finally {
    way.close()
  }
}

async function missedOn(w, way) {
  const { miner, last } = await begin(w, 'mining.missed', way.url)
  await configured(w, 'capture { messages 1000 }', async () => {
    way.cut()
    await w.page.getByText('Disconnected').first().waitFor()
    let id = 1
    await w.until('that it is not kept any longer', async () => {
      await w.send(miner, Array.from({ length: 500 }, () => line('mining.missed', id++)).join(''))
      return (await w.context.request.get(`${w.url}/api/messages/${last}`)).status() === 404
    })
    way.mend()
    await w.page.getByText('live', { exact: true }).waitFor()
    await w.until('what came after', async () => Number((await standing(w.page)).ids[0]) > Number(last))
  })
  // Answers may still come, and would move the rows.
  await w.page.keyboard.press(' ')
  await w.page.getByText('paused', { exact: true }).waitFor()
  const rows = await read(w.page, KEPT)
  const at = rows.findIndex((r) => r.id.startsWith('gap'))
  assert(at > 0, `there is no gap in ${rows.length} rows`)
  assert.match(rows[at].text, /\d/)
  assert.equal(rows[at + 1].id, last)
  assert(!rows.slice(at + 1).some((r) => r.id.startsWith('gap')), 'there is another gap')
  miner.destroy()
}
