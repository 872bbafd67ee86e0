import { describe, expect, it } from 'vitest'
import { after, Feed, type FeedEvents, type SocketLike, type Subscription } from './feed'
import { Backoff } from './backoff'

class FakeSocket implements SocketLike {
  onopen: ((ev: never) => void) | null = null
  onmessage: ((ev: { data: unknown }) => void) | null = null
  onclose: ((ev: { code: number }) => void) | null = null
  sent: unknown[] = []
  closed = false
  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }
  close(): void {
    this.closed = true
  }
  open(): void {
    this.onopen?.(undefined as never)
  }
  say(frame: unknown): void {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) })
  }
}

function rig(wanted: Subscription = { topic: 'messages' }) {
  const sockets: FakeSocket[] = []
  const timers: { ms: number; run: () => void; off: boolean }[] = []
  const heard: unknown[] = []
  const events: FeedEvents = {
    data: (items) => heard.push(...items),
    missed: (n) => heard.push(['missed', n]),
    reset: (to) => heard.push(['reset', to]),
    lost: () => heard.push('lost'),
  }
  const feed = new Feed(
    {
      connect: () => {
        const s = new FakeSocket()
        sockets.push(s)
        return s
      },
      later: (ms, run) => {
        const t = { ms, run, off: false }
        timers.push(t)
        return () => {
          t.off = true
        }
      },
    },
    wanted,
    events,
  )
  return { feed, sockets, timers, heard }
}

describe('Feed', () => {
  it('subscribes with its filters, and remembers where it is', () => {
    const { feed, sockets, heard } = rig({ topic: 'messages', filter: { method: 'mining.submit' } })
    sockets[0]!.open()
    expect(sockets[0]!.sent).toEqual([{ subscribe: { topic: 'messages', method: 'mining.submit' } }])
    sockets[0]!.say({ type: 'messages', first: '7', last: '9', data: [{ id: '7' }, { id: '9' }] })
    expect(heard).toEqual([{ id: '7' }, { id: '9' }])
    expect(feed.position).toBe('9')
  })
  it('comes again from where it was, later and later', () => {
    const { sockets, timers, heard } = rig()
    sockets[0]!.open()
    sockets[0]!.say({ type: 'messages', first: '1', last: '41', data: [{ id: '41' }] })
    sockets[0]!.onclose?.({ code: 1006 })
    timers[0]!.run()
    sockets[1]!.open()
    expect(sockets[1]!.sent).toEqual([{ subscribe: { topic: 'messages', since: '41' } }])
    sockets[1]!.onclose?.({ code: 1006 })
    timers[1]!.run()
    sockets[2]!.onclose?.({ code: 1006 })
    expect(timers[2]!.ms).toBeGreaterThan(timers[0]!.ms)
    expect(heard).toEqual([{ id: '41' }, 'lost', 'lost', 'lost'])
  })
  it('tells what was missed, and where it was set back to', () => {
    const { feed, sockets, heard } = rig()
    sockets[0]!.open()
    sockets[0]!.say({ type: 'missed', count: '120' })
    sockets[0]!.say({ type: 'missed', count: 'x' })
    sockets[0]!.say({ type: 'reset', to: '5' })
    expect(heard).toEqual([['missed', 120], ['missed', null], ['reset', '5']])
    expect(feed.position).toBe('5')
  })
  it.each(['', '{', '[]', 'null', '{"type":{},"data":{}}', '{"type":"messages","data":7}', '{"data":[]}'])(
    'takes no harm from %j', (frame) => {
      const { sockets, heard } = rig()
      sockets[0]!.say(frame)
      expect(heard).toEqual([])
    })
  it('begins where it is told', () => {
    const { sockets, timers } = rig({ topic: 'messages', since: '17' })
    sockets[0]!.onclose?.({ code: 1006 })
    timers[0]!.run()
    sockets[1]!.open()
    expect(sockets[1]!.sent).toEqual([{ subscribe: { topic: 'messages', since: '17' } }])
  })
  it('hears only its own topic', () => {
    const { feed, sockets, heard } = rig()
    sockets[0]!.say({ type: 'stats', last: '99', data: [1] })
    sockets[0]!.say({ type: 'ping' })
    expect(heard).toEqual([])
    expect(feed.position).toBeNull()
  })
  it('ends for good', () => {
    const { feed, sockets, timers } = rig()
    sockets[0]!.onclose?.({ code: 1006 })
    feed.close()
    expect(timers[0]!.off).toBe(true)
    timers[0]!.run()
    expect(sockets).toHaveLength(1)
  })
  it('hurries when the way is free', () => {
    const { feed, sockets, timers } = rig()
    sockets[0]!.onclose?.({ code: 1006 })
    feed.hurry()
    expect(timers[0]!.off).toBe(true)
    expect(sockets).toHaveLength(2)
    feed.hurry()
    expect(sockets).toHaveLength(2)
  })
})

it('compares positions past 2^53', () => {
  expect(after('9007199254740993', '9007199254740992')).toBe(true)
  expect(after('10', '9')).toBe(true)
  expect(after('9', '10')).toBe(false)
  expect(after('9', '9')).toBe(false)
})

it('backs off to a bound', () => {
  const b = new Backoff(100, 1000, () => 1)
  expect([1, 2, 3, 4, 5, 6].map(() => b.next())).toEqual([100, 200, 400, 800, 1000, 1000])
  b.reset()
  expect(b.next()).toBe(100)
})
