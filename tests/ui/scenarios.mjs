/*
 * What an operator does, by its name.  They run in this order in one browser,
 * logged in as an admin from the first on.
 */
import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { manyMessages, missed } from './live.mjs'

const PAGES = ['/', '/sessions', '/messages', '/shares', '/workers', '/jobs', '/alerts', '/agents', '/settings', '/settings/processes', '/settings/export', '/settings/users', '/settings/tokens', '/settings/audit']

const rows = (page) => page.getByRole('table', { name: /^Messages/ }).getByRole('row')
const newest = async (page) => Number((await rows(page).nth(1).getAttribute('id')).replace('row-', ''))
const liveSessions = (w) => w.api('/api/sessions?state=live&limit=100')

async function rejected(w) {
  return w.until('a rejected share', async () => (await w.api('/api/shares?pool_verdict=rejected&limit=20')).find((s) => s.verdict === 'low_difficulty'))
}

async function openSession(w, name) {
  const s = await w.until('a session', async () => (await liveSessions(w)).find((x) => x.workers[0]?.startsWith(name)))
  await w.go(`/sessions/${s.session_id}`)
  await w.page.getByRole('heading', { level: 1 }).filter({ hasText: name }).waitFor()
  return s
}

/** A click that is answered by a few words, which do not stay for long. */
async function told(w, words, button) {
  await Promise.all([w.page.getByText(words).waitFor(), button.click()])
}

async function logIn(w) {
  await w.go('/')
  await w.page.getByLabel('User').fill('admin')
  await w.page.getByLabel('Password').fill('wrong')
  await w.page.getByRole('button', { name: 'Log in' }).click()
  await w.page.getByText('User or password is wrong.').waitFor()
  await w.login('admin')
  await w.page.getByRole('heading', { name: 'Overview' }).waitFor()
}

async function logInByLink(w) {
  const context = await w.browser.newContext()
  const page = await w.open(context)
  const url = /(http:\S+)/.exec(w.ctl('login-url'))[1]
  await page.goto(url)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  assert(!page.url().includes('login='), page.url())
  await context.close()
  const again = await w.browser.newContext()
  const late = await w.open(again)
  await late.goto(url)
  await late.getByText('This link was used already').waitFor()
  await again.close()
}

async function overview(w) {
  await w.go('/')
  await w.page.getByText('All is well.').waitFor()
  await w.until('miners', async () => Number(await w.page.locator('dt:has-text("Miners connected") + dd').textContent()) >= 3)
  await w.until('accepted shares', async () => Number((await w.page.locator('dt:has-text("Accepted") + dd').first().textContent()).replace(/\D/g, '')) > 0)
}

async function watchLive(w) {
  await w.go('/messages')
  await w.page.getByText('live', { exact: true }).waitFor()
  const before = await newest(w.page)
  await w.until('newer messages', async () => (await newest(w.page)) > before)
  await w.page.keyboard.press(' ')
  await w.page.getByText('paused', { exact: true }).waitFor()
  const held = await newest(w.page)
  const more = w.page.getByRole('button', { name: /new messages?$/ })
  await more.waitFor()
  assert.equal(await newest(w.page), held)
  await more.click()
  await w.until('the newest', async () => (await newest(w.page)) > held)
}

/** One that publishes nothing, and asks nobody who they are. */
async function withoutNostr(w) {
  const context = await w.browser.newContext()
  const page = await w.open(context)
  await page.goto(`${process.env.HS_PLAIN}/agents`)
  await page.getByText('Nostr is off').waitFor()
  assert.deepEqual(await (await context.request.get(`${process.env.HS_PLAIN}/api/agents`)).json(), [])
  await page.goto(process.env.HS_PLAIN)
  await w.until('what is published', async () => (await page.locator('dt:has-text("Publishing") + dd').textContent()) === 'off')
  await page.getByText('no login').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Log out' }).count(), 0)
  await page.goto(`${process.env.HS_PLAIN}/settings`)
  await page.getByRole('tab', { name: 'Audit log' }).waitFor()
  assert.equal(await page.getByRole('tab', { name: 'Password' }).count(), 0)
  await context.close()
}

async function keyboard(w) {
  await w.go('/messages')
  await rows(w.page).nth(3).waitFor()
  for (const key of ['j', 'j', 'k']) await w.page.keyboard.press(key)
  await w.page.keyboard.press('Enter')
  await w.page.getByRole('complementary').getByRole('heading', { level: 2 }).waitFor()
  await w.until('it in the URL', () => /open=\d+/.test(w.page.url()))
  await w.page.keyboard.press('Escape')
  await w.page.getByRole('complementary').waitFor({ state: 'detached' })
  await w.page.keyboard.press('/')
  await w.until('the search', () => w.page.evaluate(() => document.activeElement.getAttribute('type') === 'search'))
}

async function filter(w) {
  await w.go('/messages')
  await w.page.getByLabel('Method').selectOption('mining.submit')
  await w.page.getByLabel('Errors').selectOption('pool')
  await w.until('both in the URL', () => /method=mining\.submit&errors=pool/.test(w.page.url()))
  await w.page.getByRole('cell', { name: 'refused' }).first().waitFor()
  await w.page.getByLabel('Search the text').fill('Low difficulty')
  await w.until('the search in the URL', () => /q=Low\+difficulty/.test(w.page.url()))
  await w.page.getByRole('cell', { name: /Low difficulty/ }).first().waitFor()
  await w.page.getByLabel('Search the text').fill('there is no such text')
  await w.page.getByText('No message matches').waitFor()
}

async function shareByUrl(w) {
  const s = await rejected(w)
  const other = await w.somebody('viewer')
  await other.page.goto(`${w.url}/messages?method=mining.submit&session=${s.session_id}&open=${s.message_id}`)
  await other.page.getByRole('complementary').getByText('mining.submit').first().waitFor()
  assert.equal(await other.page.getByLabel('Method').inputValue(), 'mining.submit')
  await other.close()
}

async function whyRejected(w) {
  const s = await rejected(w)
  await w.go('/shares?pool_verdict=rejected&verdict=low_difficulty')
  await w.page.getByRole('row').filter({ hasText: 'low difficulty' }).first().click()
  await w.page.getByText('The pool says').waitFor()
  await w.page.getByText(/reaches difficulty .* of/).first().waitFor()
  await w.go(`/messages/${s.message_id}`)
  await w.page.getByText('Pool and HashScope agree.').waitFor()
  await w.page.getByRole('tab', { name: 'Hex' }).click()
  await w.page.getByText('000000').first().waitFor()
}

async function explained(w) {
  const s = await rejected(w)
  await w.go(`/messages/${s.message_id}`)
  const m = await w.api(`/api/messages/${s.message_id}`)
  assert(m.explanation, 'the API explains nothing')
  await w.page.getByText(m.explanation.summary.slice(0, 40)).first().waitFor()
}

async function disconnect(w) {
  const s = await openSession(w, 'demo.shed')
  await w.page.getByRole('button', { name: 'Disconnect' }).click()
  await told(w, 'Disconnected.', w.page.getByRole('alertdialog').getByRole('button', { name: 'Disconnect' }))
  await w.until('its end', async () => (await w.api(`/api/sessions/${s.session_id}`)).state === 'ended')
  await w.page.getByText('Why it ended').waitFor()
}

async function broadcast(w) {
  const s = await openSession(w, 'demo.rack')
  const toggle = w.page.getByRole('switch', { name: 'Broadcast' })
  assert.equal(await toggle.isChecked(), false)
  await told(w, 'Shares are published.', toggle)
  await w.until('it in the API', async () => (await w.api(`/api/sessions/${s.session_id}`)).broadcast_enabled)
  const count = w.page.getByLabel('Agents submit each share')
  await count.fill('1001')
  await w.page.getByText('a whole number from 1 to 1,000').waitFor()
  await count.fill('7')
  await w.page.getByRole('button', { name: 'Save' }).click()
  await w.until('the count', async () => (await w.api(`/api/sessions/${s.session_id}`)).repeat_count === 7)
  await w.until('it shown', () => toggle.isChecked())
  await toggle.click()
  await w.until('it off', async () => !(await w.api(`/api/sessions/${s.session_id}`)).broadcast_enabled)
}

async function autoReplay(w) {
  const s = await openSession(w, 'demo.rack')
  await w.page.getByLabel('How often').fill('900000')
  await w.page.getByRole('button', { name: 'Save' }).click()
  await w.until('the count', async () => (await w.api(`/api/sessions/${s.session_id}`)).auto_replay_count === 900000)
  await w.page.getByRole('switch', { name: 'Auto-replay' }).click()
  const stop = w.page.getByRole('button', { name: 'Stop' })
  await stop.waitFor()
  await w.until('replays', async () => (await w.api('/api/messages?direction=hashscope_to_pool&limit=5')).length > 0)
  await told(w, 'Auto-replay has stopped.', stop)
  await w.until('it off', async () => !(await w.api(`/api/sessions/${s.session_id}`)).auto_replay_enabled)
}

async function replayEdited(w) {
  const s = await rejected(w)
  await w.go(`/messages/${s.message_id}`)
  await w.page.getByRole('button', { name: 'Replay & edit' }).click()
  const dialog = w.page.getByRole('dialog')
  await dialog.locator('input[name=nonce]').fill('xyz')
  await dialog.getByText('nonce has to be hex.').waitFor()
  await dialog.locator('input[name=nonce]').fill('0badcafe')
  await dialog.getByRole('tab', { name: 'Line' }).click()
  const line = dialog.getByLabel('The line that will be sent')
  const good = await line.inputValue()
  assert.match(good, /0badcafe/)
  await line.fill(`${good}\n${good}`)
  await dialog.getByText('It has to be one line.').waitFor()
  await line.fill(good)
  await dialog.getByRole('button', { name: 'Replay', exact: true }).click()
  await dialog.getByText(/The pool (refused|accepted) it\./).waitFor()
  await w.until('the replay among the messages', async () =>
    (await w.api('/api/messages?direction=hashscope_to_pool&q=0badcafe')).length > 0)
}

async function exportFile(w) {
  await w.go('/settings/export')
  await w.page.getByLabel('Errors').selectOption('pool')
  const [file] = await Promise.all([w.page.waitForEvent('download'), w.page.getByRole('link', { name: 'Download' }).click()])
  const lines = readFileSync(await file.path(), 'utf8').trim().split('\n').map((x) => JSON.parse(x))
  assert(lines.some((m) => m.method === 'mining.submit'), `${lines.length} lines without a submit`)
}

async function viewer(w) {
  const { page, close } = await w.somebody('viewer')
  await w.go('/sessions', page)
  await page.getByRole('cell', { name: /demo\.rack/ }).first().click()
  await page.getByText('Changing this takes the role of an operator.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Disconnect' }).count(), 0)
  assert.equal(await page.getByRole('switch', { name: 'Broadcast' }).isDisabled(), true)
  const id = /sessions\/([\w-]+)/.exec(page.url())[1]
  const status = await page.evaluate(async (path) => (await fetch(path, { method: 'POST' })).status, `/api/sessions/${id}/disconnect`)
  assert.equal(status, 403)
  await w.go('/settings', page)
  assert.equal(await page.getByRole('tab', { name: 'Users' }).count(), 0)
  await close()
}

async function users(w) {
  await w.go('/settings/users')
  await w.page.getByRole('button', { name: 'New user' }).click()
  const dialog = w.page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('night-shift')
  await dialog.getByLabel('Password').fill('a long enough one')
  await dialog.getByRole('button', { name: 'Create' }).click()
  const row = w.page.getByRole('row', { name: /night-shift/ })
  await row.getByRole('button', { name: 'Remove' }).click()
  await w.page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
  await w.go('/settings/tokens')
  await w.page.getByRole('button', { name: 'New token' }).click()
  await dialog.getByLabel('Name').fill('grafana')
  await dialog.getByRole('button', { name: 'Create' }).click()
  const secret = await dialog.locator('code').textContent()
  const r = await fetch(`${w.url}/api/me`, { headers: { authorization: `Bearer ${secret}` } })
  assert.equal((await r.json()).role, 'viewer')
  await dialog.getByRole('button', { name: 'Close' }).click()
  await w.go('/settings/audit')
  await w.page.getByText('token-create').first().waitFor()
}

async function restart(w) {
  await w.go('/messages')
  await w.page.getByText('live', { exact: true }).waitFor()
  const before = await newest(w.page)
  process.kill(w.pid('apid'), 'SIGKILL')
  await w.until('what comes after', async () => (await newest(w.page)) > before + 20)
  const shown = await rows(w.page).evaluateAll((all) => all.map((r) => r.id).filter((id) => /^row-\d+$/.test(id)).map((id) => Number(id.slice(4))))
  // The feed is ahead of the store by what is not yet committed.
  const stored = await w.until('what is shown in the store', async () => {
    const ids = (await w.api(`/api/messages?responses=1&limit=1000&after=${Math.min(...shown) - 1}`)).map((m) => Number(m.id))
    return ids.includes(Math.max(...shown)) && ids.filter((id) => id <= Math.max(...shown))
  })
  assert.deepEqual([...shown].sort((a, b) => a - b), stored.sort((a, b) => a - b))
}

async function gap(w) {
  const miner = await w.miner()
  const line = `${JSON.stringify({ id: 1, method: 'mining.odd', params: ['x'.repeat(900)] })}\n`
  await w.send(miner, line)
  const session = await w.until('its session', async () => (await w.api('/api/messages?method=mining.odd&limit=1'))[0]?.session_id)
  const captured = w.pid('captured')
  process.kill(captured, 'SIGSTOP')
  try {
    await w.send(miner, line.repeat(6000))
    // What is still on its way when captured goes on would follow the gap by thousands.
    await w.until('all answers', () => miner.heard > 6000)
  } finally {
    process.kill(captured, 'SIGCONT')
  }
  await w.room()
  // The line after a gap may lack its beginning; the next one is whole.
  await w.send(miner, line.repeat(2))
  await w.until('a gap', async () => (await w.api(`/api/sessions/${session}`)).gaps > 0)
  const after = await w.until('what follows it', async () => (await w.api(`/api/messages?session_id=${session}&limit=1000`)).find((m) => m.after_gap))
  await w.go(`/messages?session=${session}&open=${after.id}`)
  await w.page.getByRole('complementary').getByText('after a gap').waitFor()
  await w.page.getByTitle('Bytes before this message were not captured').first().waitFor()
  miner.destroy()
}

const EVIL = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>\u202e\u2066\u0007\ufeff'
const LONG = `${EVIL}${'W'.repeat(60000)}`

/** A page that shows it is as it was: nothing runs, nothing is turned round, nothing is too wide. */
async function unharmed(w, path) {
  await w.go(path)
  await w.page.getByRole('heading', { level: 1 }).first().waitFor()
  await w.page.getByLabel('Loading').first().waitFor({ state: 'detached' })
  await asItWas(w, path)
}

async function asItWas(w, path) {
  const seen = await w.page.evaluate(() => ({
    broken: window.broken,
    made: document.querySelectorAll('main img, main script, main iframe').length,
    turned: /[\u0007\u202a-\u202e\u2066-\u2069\ufeff]/.test(document.body.textContent + document.title),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    failed: document.body.textContent.includes('This part of the page has failed'),
  }))
  assert.deepEqual(seen, { broken: undefined, made: 0, turned: false, wide: 0, failed: false }, path)
  assert.deepEqual(w.problems, [], path)
}

/** Each message of a session, as one goes from one to the other. */
async function unharmedMessages(w, session) {
  for (const m of await w.api(`/api/messages?session_id=${session}&responses=1&limit=20`)) {
    await w.page.evaluate((path) => {
      window.history.pushState(null, '', path)
      window.dispatchEvent(new PopStateEvent('popstate'))
    }, `/messages/${m.id}`)
    await w.page.getByRole('heading', { name: 'Raw' }).waitFor()
    await w.page.locator('header').getByText(m.id, { exact: true }).waitFor()
    await asItWas(w, m.raw.slice(0, 80))
  }
  for (const view of ['Text', 'Hex']) {
    await w.page.getByRole('tab', { name: view }).click()
    await w.page.getByRole('tabpanel').waitFor()
  }
}

/** Whatever a miner sends changes nothing but the text that is shown. */
async function hostileMiner(w) {
  const miner = await w.miner()
  const submit = (...params) => ({ id: 9, method: 'mining.submit', params })
  await w.send(miner, [
    { id: 1, method: 'mining.subscribe', params: [EVIL, EVIL] },
    { id: 2, method: 'mining.authorize', params: [EVIL, EVIL] },
    { id: { a: [1] }, method: { no: 'string' }, params: { p: EVIL } },
    { id: EVIL, method: EVIL, params: [[[LONG]]], [EVIL]: EVIL },
    { id: 4, method: 'mining.configure', params: [[EVIL, {}], { [EVIL]: EVIL, 'version-rolling.mask': {} }] },
    { id: 5, method: 'mining.suggest_difficulty', params: [EVIL] },
    submit(EVIL, {}, [], null, 1e400), submit(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL), submit(LONG, 'a', 'b', 'c', 'd'),
    submit({ toString: 1 }, [EVIL], true, -1, {}, []),
  ].map((x) => `${JSON.stringify(x)}\n`).join('') + '[[[[[[["\\ud800"\n\xff\xfe\n"\\u0000"\n')
  const s = await w.until('its session', async () => (await liveSessions(w)).find((x) => x.user_agent?.includes('onerror') && x.workers.length > 0))
  await w.until('its shares', async () => (await w.api(`/api/shares?session_id=${s.session_id}`)).length > 2)
  const paths = ['/', '/sessions', `/sessions/${s.session_id}`, '/messages', `/messages?session=${s.session_id}`, `/messages?q=${encodeURIComponent(EVIL)}`,
    '/shares', `/shares?session=${s.session_id}`, `/shares?worker=${encodeURIComponent(EVIL)}`, '/workers', `/workers?q=${encodeURIComponent(EVIL)}`, '/alerts?state=all']
  for (const path of paths) await unharmed(w, path)
  await w.go(`/sessions/${s.session_id}`)
  await w.page.getByText('<img src=x').first().waitFor()
  await w.page.getByText('\\u202e').first().waitFor()
  await unharmedMessages(w, s.session_id)
  miner.destroy()
}

/** Nor what a pool does. */
async function hostilePool(w) {
  const answers = { 'mining.subscribe': [[[EVIL, EVIL], [{}, []]], EVIL, EVIL], 'mining.authorize': { [EVIL]: EVIL }, 'mining.submit': EVIL }
  const hex = '00'.repeat(32)
  const unasked = [
    ['mining.set_difficulty', [{}]], ['mining.set_difficulty', [EVIL]], ['mining.set_extranonce', [EVIL, EVIL]],
    ['mining.notify', [EVIL, EVIL, EVIL, EVIL, [EVIL, {}], EVIL, EVIL, EVIL, EVIL]],
    ['mining.notify', [EVIL, hex, '01', '02', [hex], '20000000', '1702b000', '6b01ef45', true]],
    ['mining.notify', [LONG, hex, '01', '02', [], '20000000', '1702b000', '6b01ef45', true]],
    ['client.show_message', [EVIL]], ['client.reconnect', [`${EVIL}.example`, EVIL, EVIL]], [EVIL, { [EVIL]: LONG }],
  ].map(([method, params]) => ({ id: null, method, params }))
  const pool = await w.oddPool((m) => [
    { id: m.id, result: answers[m.method] ?? null, error: [EVIL, EVIL, { [EVIL]: LONG }] },
    { id: m.id, result: null, error: { code: EVIL, message: LONG } }, ...unasked,
  ])
  const miner = await w.miner(process.env.HS_ODD_MINERS)
  const say = (id, method, params) => w.send(miner, `${JSON.stringify({ id, method, params })}\n`)
  await say(1, 'mining.subscribe', ['odd-pool/1'])
  await say(2, 'mining.authorize', ['odd.pool', 'x'])
  await say(3, 'mining.submit', ['odd.pool', EVIL, '00000000', '6b01ef45', '00000000'])
  const s = await w.until('its session', async () => (await liveSessions(w)).find((x) => x.user_agent === 'odd-pool/1'))
  await w.until('what the pool said', async () => (await w.api(`/api/messages?session_id=${s.session_id}&method=client.show_message`)).length > 0)
  for (const path of ['/', '/jobs', `/sessions/${s.session_id}`, `/messages?session=${s.session_id}`, '/shares?worker=odd.pool', '/alerts?state=all']) {
    await unharmed(w, path)
  }
  const jobs = (await w.api('/api/jobs?limit=20')).filter((j) => JSON.stringify(j).includes('onerror'))
  assert(jobs.length > 0, 'no job of it')
  for (const j of jobs) await unharmed(w, `/jobs/${j.id}`)
  await unharmedMessages(w, s.session_id)
  miner.destroy()
  pool.close()
}

/** Nor what an agent tells of itself. */
async function hostileAgent(w) {
  const odd = await w.until('it', async () => (await w.api('/api/agents')).find((a) => a.agent_id.includes('onerror')))
  await unharmed(w, '/agents')
  await w.page.getByText('<img src=x').first().waitFor()
  await unharmed(w, `/agents?agent=${encodeURIComponent(odd.agent_id)}`)
  await w.page.getByText('window.broken=2').first().waitFor()
}

/** The fleet: what each does, how fast, and which of them is silent. */
async function fleet(w) {
  await w.go('/agents')
  const row = (name) => w.page.getByRole('row').filter({ hasText: name })
  await row('rack-agent-1').getByText('connected', { exact: true }).waitFor()
  const submitted = async () => Number((await row('rack-agent-1').getByRole('cell').nth(4).textContent()).replace(/\D/g, ''))
  const before = await submitted()
  assert(before > 0, 'it has submitted nothing')
  await w.until('more of them', async () => (await submitted()) > before)
  // Silent for a minute is stale: marked, and still there.
  await row('barn-agent').getByText('stale').waitFor({ timeout: 70000 })
  await row('barn-agent').getByText('was connected').waitFor()
  assert.equal(await row('rack-agent-1').getByText('stale').count(), 0)
  await row('rack-agent-1').click()
  await w.page.getByRole('heading', { level: 1, name: /rack-agent-1/ }).waitFor()
  const a = (await w.api('/api/agents')).find((x) => x.agent_id === 'rack-agent-1')
  await w.page.getByText(`${a.pool_target.host}:${a.pool_target.port}`).waitFor()
  const shown = async () => Number((await w.page.locator('dt:has-text("Submitted") + dd').first().textContent()).replace(/\D/g, ''))
  await w.until('its submits', async () => (await shown()) >= a.stats.submits_attempted_total)
  for (const chart of ['Submits a second', 'Verdicts, a second', 'Latency of its pool']) {
    await w.page.getByRole('img', { name: chart }).locator('canvas').waitFor()
  }
  await w.page.goBack()
  await row('barn-agent').click()
  await w.page.getByText(/^Nothing heard for/).waitFor()
}

async function manual(w) {
  await w.go('/')
  await w.page.getByRole('link', { name: 'Documentation' }).click()
  await w.page.getByRole('heading', { level: 1, name: 'HashScope' }).waitFor()
  await w.page.getByLabel('Search the manual').fill('version bits formula')
  await w.page.locator('#found a').first().click()
  await w.page.getByText(/version bits/).first().waitFor()
  await w.go('/docs/man-hashscope.7.html')
  await w.page.getByRole('heading', { name: 'GETTING STARTED' }).waitFor()
  assert.deepEqual(await w.check(), [])
}

async function accessible(w) {
  const found = []
  const s = await rejected(w)
  const session = (await liveSessions(w))[0].session_id
  for (const path of [...PAGES, `/messages/${s.message_id}`, `/sessions/${session}`]) {
    for (const theme of ['light', 'dark']) {
      await w.page.emulateMedia({ colorScheme: theme })
      await w.go(path)
      await w.page.getByRole('heading').first().waitFor()
      await w.page.getByLabel('Loading').first().waitFor({ state: 'detached' })
      found.push(...(await w.check()).map((f) => `${path} ${theme}: ${f}`))
    }
  }
  assert.deepEqual(found, [])
}

async function phone(w) {
  const { page, close } = await w.somebody('operator', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true })
  for (const path of PAGES.slice(0, 9)) {
    await w.go(path, page)
    await page.getByRole('heading', { level: 1 }).waitFor()
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.equal(wide, 0, `${path} is ${wide} pixels too wide`)
  }
  await page.getByRole('button', { name: 'Menu' }).click()
  await page.getByRole('link', { name: 'Messages' }).click()
  await rows(page).nth(2).click()
  await page.getByRole('heading', { name: 'Raw' }).waitFor()
  await close()
}

async function logOut(w) {
  await w.go('/')
  await w.page.getByRole('button', { name: 'Log out' }).click()
  await w.page.getByRole('button', { name: 'Log in' }).waitFor()
  await w.go('/messages')
  await w.page.getByRole('button', { name: 'Log in' }).waitFor()
}

export const SCENARIOS = {
  'log in': logIn,
  'log in by link': logInByLink,
  overview,
  'watch live messages': watchLive,
  'without Nostr and without a login': withoutNostr,
  keyboard,
  filter,
  'share a view by its URL': shareByUrl,
  'why a share was rejected': whyRejected,
  'a message in words': explained,
  'disconnect a miner': disconnect,
  'toggle broadcast': broadcast,
  'stop an auto-replay': autoReplay,
  'replay an edited share': replayEdited,
  export: exportFile,
  'refused as a viewer': viewer,
  'users and tokens': users,
  'survive a restart of apid': restart,
  'gap marker': gap,
  'two thousand messages a second': manyMessages,
  'hostile miner': hostileMiner,
  'hostile pool': hostilePool,
  'hostile agent': hostileAgent,
  manual,
  'on a phone': phone,
  accessible,
  'what was missed': missed,
  'see the agents': fleet,
  'log out': logOut,
}
