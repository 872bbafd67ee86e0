import { describe, expect, it } from 'vitest'
import { itemOf, messageOf, MessageList, WAITING, WINDOW, type Item } from './messages'

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
    l.receive(Array.from({ length: WAITING + 1 }, (_, i) => ({ id: String(i + 2) })))
    expect(l.get().overflown).toBe(true)
    expect(l.get().waiting).toBe(WAITING + 1)
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
