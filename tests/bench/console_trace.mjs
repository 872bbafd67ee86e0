/*
 * What Chromium's tracing says of one page: every task of its main thread, by
 * the wall and by the thread's own clock, and every frame that was drawn.
 *
 * The wall is what somebody sees; on a machine that does other things as well
 * the thread's clock tells what of it was the page's.
 */
const CATEGORIES = ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline.frame', 'blink.user_timing']
const TASK = 'ThreadControllerImpl::RunTask'
/** Left in the trace by the page itself: that thread is its main one. */
const MARK = 'bench: this is the page'

/** Traces while run() runs; its events. */
export async function traced(browser, page, run) {
  const cdp = await browser.newBrowserCDPSession()
  await cdp.send('Tracing.start', {
    transferMode: 'ReturnAsStream',
    traceConfig: { recordMode: 'recordUntilFull', traceBufferSizeInKb: 1 << 20, includedCategories: CATEGORIES, excludedCategories: ['*'] },
  })
  try {
    await page.evaluate((name) => performance.mark(name), MARK)
    await run()
    await page.evaluate((name) => performance.mark(name), MARK)
  } finally {
    const done = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve))
    await cdp.send('Tracing.end')
    const { stream, dataLossOccurred } = await done
    if (dataLossOccurred) throw new Error('the trace was too long for its buffer')
    const text = await readAll(cdp, stream)
    await cdp.detach()
    // eslint-disable-next-line no-unsafe-finally
    return JSON.parse(text).traceEvents
  }
}

async function readAll(cdp, handle) {
  const parts = []
  for (;;) {
    const { data, eof, base64Encoded } = await cdp.send('IO.read', { handle, size: 8 << 20 })
    parts.push(Buffer.from(data, base64Encoded ? 'base64' : 'utf8'))
    if (eof) break
  }
  await cdp.send('IO.close', { handle })
  return Buffer.concat(parts).toString('utf8')
}

function mainThread(events) {
  const mark = events.find((e) => e.name === MARK)
  if (!mark) throw new Error('the page is not in the trace')
  return `${mark.pid} ${mark.tid}`
}

export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
}

/** Milliseconds: {max, p99, over50, over100, busy}. */
function lengths(tasks, of) {
  const all = tasks.map((t) => (t[of] ?? 0) / 1000)
  return {
    max: all.reduce((a, b) => Math.max(a, b), 0),
    p99: percentile(all, 0.99),
    over50: all.filter((x) => x > 50).length,
    over100: all.filter((x) => x > 100).length,
    busy: all.reduce((a, b) => a + b, 0),
  }
}

/** What the longest tasks did: their longest parts, by the thread's clock. */
function longest(events, tasks, thread) {
  const inside = events.filter((e) => e.ph === 'X' && e.name !== TASK && `${e.pid} ${e.tid}` === thread)
  return [...tasks].sort((a, b) => b.dur - a.dur).slice(0, 3).map((t) => {
    const parts = inside.filter((e) => e.ts >= t.ts && e.ts + e.dur <= t.ts + t.dur)
    parts.sort((a, b) => b.dur - a.dur)
    const told = parts.slice(0, 6).map((e) => `${e.name} ${(e.dur / 1000).toFixed(1)}`)
    return `${(t.dur / 1000).toFixed(1)} ms (${((t.tdur ?? 0) / 1000).toFixed(1)} CPU): ${told.join(', ')}`
  })
}

/** Frames as the screen got them; those that came too late or not at all. */
function frames(events, pid) {
  const begun = new Map()
  const shown = new Set()
  let dropped = 0
  const mine = events.filter((e) => e.name === 'PipelineReporter' && String(e.pid) === pid)
  for (const e of mine.sort((x, y) => x.ts - y.ts)) {
    // Their numbers are used again, and the state may be told at either end.
    const id = e.id2?.local
    const told = e.args.frame_reporter ?? begun.get(id)
    if (e.ph === 'b') begun.set(id, told)
    if (e.ph !== 'e') continue
    begun.delete(id)
    if (told?.state?.startsWith('STATE_PRESENTED')) shown.add(e.ts)
    else if (told?.state === 'STATE_DROPPED' && told.affects_smoothness) dropped++
  }
  const times = [...shown].sort((x, y) => x - y)
  const gaps = times.slice(1).map((ts, i) => (ts - times[i]) / 1000)
  return { drawn: times.length, max: gaps.reduce((x, y) => Math.max(x, y), 0), p99: percentile(gaps, 0.99), dropped }
}

export function figures(events) {
  const thread = mainThread(events)
  const tasks = events.filter((e) => e.name === TASK && `${e.pid} ${e.tid}` === thread)
  return {
    tasks: tasks.length,
    wall: lengths(tasks, 'dur'),
    cpu: lengths(tasks, 'tdur'),
    frames: frames(events, thread.split(' ')[0]),
    longest: longest(events, tasks, thread),
  }
}
