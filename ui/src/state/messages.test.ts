import { describe, expect, it } from 'vitest'
import { itemOf, messageOf, MessageList, PAGE, WAITING, WINDOW, type Item } from './messages'

const page = (ids: number[], next: string | null = null) => ({
  items: ids.map((id) => itemOf({ id: String(id) })), next, stoppedAt: null,
})
const ids = (l: MessageList) => l.get().items.map((i) => i.id)
const bodies = (...list: number[]) => list.map((id) => ({ id: String(id) }))

describe('MessageList', () => {
  it('puts what came meanwhile over the first page, once', () => {
    const l = new MessageList()
    l.receive(bodies(9, 10, 11))
    l.begin(page([10, 9, 8], '8'))
    expect(ids(l)).toEqual(['11', '10', '9', '8'])
    l.receive(bodies(12))
    l.append(page([8, 7, 6]))
    expect(ids(l)).toEqual(['12', '11', '10', '9', '8', '7', '6'])
  })
  it('holds still, counts, and goes on', () => {
    const l = new MessageList()
    l.begin(page([1]))
    l.hold(true)
    l.receive(bodies(2, 3))
    expect(ids(l)).toEqual(['1'])
    expect(l.get().waiting).toBe(2)
    l.hold(false)
    expect(ids(l)).toEqual(['3', '2', '1'])
    expect(l.get().waiting).toBe(0)
  })
  it('starts anew when too many have waited', () => {
    const l = new MessageList()
    l.begin(page([1]))
    l.hold(true)
    const most = 2 * WAITING + 1
    l.receive(Array.from({ length: most }, (_, i) => ({ id: String(i + 2) })))
    expect(l.get()).toMatchObject({ overflown: true, waiting: most, rows: 1 })
    l.hold(false)
    expect(ids(l)).toEqual(['1'])
    l.renew()
    l.begin(page([most - 2, most - 3], String(most - 3)))
    expect(ids(l).slice(0, 5)).toEqual([most + 1, most, most - 1, most - 2, most - 3].map(String))
    expect(l.get()).toMatchObject({ overflown: false, waiting: 0, rows: 5 })
  })
  it('says where it does not know what was between', () => {
    const l = new MessageList()
    l.begin(page([1]))
    l.hold(true)
    l.receive(Array.from({ length: 2 * WAITING + 1 }, (_, i) => ({ id: String(i + 2) })))
    l.renew()
    l.begin(page([3, 2]))
    expect(l.get().items.slice(-3).map((i) => (i.kind === 'gap' ? i.count : i.id))).toEqual([null, '3', '2'])
  })
  it('keeps a window, and knows where older ones begin', () => {
    const l = new MessageList()
    l.begin(page([1]))
    l.receive(Array.from({ length: WINDOW + 5 }, (_, i) => ({ id: String(i + 2) })))
    expect(l.get().items).toHaveLength(WINDOW)
    expect(l.get().older).toBe(ids(l).at(-1))
  })
  it('marks what was missed, and forgets what never was', () => {
    const l = new MessageList()
    l.begin(page([5]))
    l.receive(bodies(6, 7))
    l.gap(12)
    l.receive(bodies(20))
    expect(l.get().items.map((i: Item) => (i.kind === 'gap' ? i.count : i.id))).toEqual(['20', 12, '7', '6', '5'])
    l.reset('6')
    expect(l.get().items.map((i: Item) => (i.kind === 'gap' ? i.count : i.id))).toEqual([12, '6', '5'])
  })
  it('tells a request what was answered', () => {
    const l = new MessageList()
    l.begin(page([]))
    l.receive([{ id: '1', is_request: true }])
    l.receive([{ id: '2', is_response: true, paired_message_id: '1', latency_ms: 3, raw: '{"result":true}' }])
    const request = l.get().items[1]!
    expect(request.kind === 'message' && messageOf(request.body)).toMatchObject({ id: '1', latency_ms: 3, response_raw: '{"result":true}', paired_message_id: '2' })
    l.receive([{ id: '3' }, { id: '4', is_response: true, paired_message_id: '3', latency_ms: 5 }])
    const next = l.get().items[1]!
    expect(next.kind === 'message' && messageOf(next.body).latency_ms).toBe(5)
  })
  it('puts a late one into its place', () => {
    const l = new MessageList()
    l.begin(page([9, 5, 3]))
    l.receive(bodies(7))
    l.receive(bodies(5))
    expect(ids(l)).toEqual(['9', '7', '5', '3'])
  })
  it('takes what is no message at all', () => {
    const l = new MessageList()
    l.begin(page([1]))
    l.receive([null, 7, 'x', { id: {} }, []])
    for (const i of l.get().items) if (i.kind === 'message') messageOf(i.body)
    expect(l.get().items.length).toBeGreaterThan(0)
  })
})

/** A store of so many messages, and a list that is scrolled through it. */
function scrolled(stored: number) {
  const l = new MessageList()
  const before = (id: number, limit: number) => {
    const n = Math.min(limit, id - 1)
    return page(Array.from({ length: n }, (_, i) => id - 1 - i), id - 1 > n ? String(id - n) : null)
  }
  l.begin(before(stored + 1, PAGE))
  /** Looks there until nothing more is wanted; how many pages that took. */
  const look = (from: number, to = from + 40) => {
    l.hold(from > 0)
    let pages = 0
    for (let w = l.wanted(from, to); w; w = l.wanted(from, to)) {
      l.loading()
      l.put(w, before(Number(w.before), w.limit))
      expect(l.get().items.length).toBeLessThanOrEqual(WINDOW)
      if (++pages > 20) throw new Error('it never ends')
    }
    return pages
  }
  /** Each row has its number, wherever the window is. */
  const check = () => {
    const { items, first, rows } = l.get()
    expect(rows).toBeGreaterThanOrEqual(first + items.length)
    expect(items.findIndex((item, i) => item.id !== String(stored - first - i))).toBe(-1)
  }
  const sees = (from: number) => {
    const { items, first } = l.get()
    return from >= first && from + 40 <= first + items.length
  }
  return { l, look, check, sees }
}

describe('a list that is scrolled', () => {
  it('keeps a window of it, and rows keep their numbers', () => {
    const { l, look, check, sees } = scrolled(20000)
    for (let row = 0; row < 12000; row += 90) {
      look(row)
      check()
      expect(sees(row)).toBe(true)
    }
    expect(l.get().first).toBeGreaterThan(9000)
    for (let row = 11900; row > 0; row -= 90) {
      look(row)
      check()
      expect(sees(row)).toBe(true)
    }
    look(0)
    check()
    expect(l.get()).toMatchObject({ first: 0, waiting: 0 })
    expect(l.get().rows).toBeGreaterThan(12000)
  })
  it('goes to any place that was seen with few pages', () => {
    const { look, check, sees } = scrolled(20000)
    for (let row = 0; row < 9000; row += 100) look(row)
    for (const row of [8800, 100, 4321, 0, 8000, 3999, 8960]) {
      expect(look(row)).toBeLessThanOrEqual(3)
      check()
      expect(sees(row)).toBe(true)
    }
  })
  it('ends where the store ends', () => {
    const { l, look, check } = scrolled(450)
    for (const row of [100, 200, 300, 410]) look(row)
    check()
    expect(l.get()).toMatchObject({ rows: 450, older: null })
    expect(look(440, 480)).toBe(0)
  })
  it('follows again at its top', () => {
    const { l, look } = scrolled(20000)
    for (let row = 0; row < 6000; row += 100) look(row)
    l.receive(bodies(20001, 20002))
    expect(l.get().waiting).toBe(2)
    look(0)
    expect(ids(l).slice(0, 3)).toEqual(['20002', '20001', '20000'])
    expect(l.get().rows).toBe(l.get().items.length)
    l.receive(bodies(20003))
    expect(ids(l)[0]).toBe('20003')
  })
  it('begins anew when what it wants is not kept any longer', () => {
    const { l, look } = scrolled(20000)
    for (let row = 0; row < 6000; row += 100) look(row)
    const w = l.wanted(0, 40)
    expect(w).not.toBeNull()
    if (w) l.put(w, page([]))
    expect(l.get()).toMatchObject({ rows: 0, overflown: true })
  })
  it('keeps a gap apart from what is asked of the API', () => {
    const l = new MessageList()
    l.begin(page([3, 2], '2'))
    l.receive(bodies(4))
    l.gap(5)
    l.receive(Array.from({ length: WINDOW - 1 }, (_, i) => ({ id: String(i + 10) })))
    expect(l.get().items.at(-1)?.kind).toBe('gap')
    expect(l.get().older).toBe('10')
  })
})
