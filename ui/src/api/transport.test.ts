import { describe, expect, it, vi } from 'vitest'
import * as d from './decode'
import { ApiError, pageOf, Transport, Unreachable, withQuery } from './transport'
import { nextPage } from './link'

function transport(answer: () => Promise<Response>) {
  const calls: [string, RequestInit | undefined][] = []
  const t = new Transport({
    fetch: (input, init) => {
      calls.push([input instanceof Request ? input.url : input.toString(), init])
      return answer()
    },
    socket: () => {
      throw new Error('none here')
    },
    later: () => () => undefined,
  })
  return { t, calls }
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) => () =>
  Promise.resolve(new Response(JSON.stringify(body), { status, headers }))

describe('Transport', () => {
  it('gets and decodes', async () => {
    const { t, calls } = transport(json({ n: 3, s: { no: 'string' } }))
    expect(await t.get('/api/x', d.record({ n: d.number, s: d.text }), { a: 'b c', none: null, e: '' })).toEqual({
      n: 3,
      s: '{"no":"string"}',
    })
    expect(calls[0]?.[0]).toBe('/api/x?a=b+c')
    expect(t.reach()).toBe('up')
  })
  it('says what the API says', async () => {
    const { t } = transport(json({ detail: 'Message not found' }, 404))
    await expect(t.get('/api/messages/1', d.any)).rejects.toEqual(new ApiError(404, 'Message not found'))
  })
  it('notices that nobody answers, and that somebody does again', async () => {
    let up = false
    const { t } = transport(() => (up ? json([])() : Promise.reject(new TypeError('refused'))))
    const changed = vi.fn()
    t.watchReach(changed)
    await expect(t.get('/x', d.any)).rejects.toBeInstanceOf(Unreachable)
    expect(t.reach()).toBe('down')
    up = true
    await t.get('/x', d.any)
    expect(t.reach()).toBe('up')
    expect(changed).toHaveBeenCalledTimes(2)
  })
  it('tells when nobody is logged in', async () => {
    const { t } = transport(json({ detail: 'log in' }, 401))
    t.onUnauthorized = vi.fn()
    await expect(t.get('/x', d.any)).rejects.toBeInstanceOf(ApiError)
    expect(t.onUnauthorized).toHaveBeenCalledOnce()
  })
  it('is not thrown by an answer that is no JSON', async () => {
    const { t } = transport(() => Promise.resolve(new Response('<html>')))
    await expect(t.get('/x', d.any)).rejects.toBeInstanceOf(ApiError)
  })
  it('sends a body', async () => {
    const { t, calls } = transport(json({ ok: true }))
    await t.send('POST', '/x', { n: 1 }, d.any)
    expect(calls[0]?.[1]).toMatchObject({ method: 'POST', body: '{"n":1}' })
  })
})

describe('pages', () => {
  it.each([
    ['<http://h/api/messages?before=7>; rel="next"', 'http://h/api/messages?before=7'],
    ['</a>; rel="prev", </b?x=1,2>; rel="next"', '/b?x=1,2'],
    ['nonsense', null],
    [null, null],
  ])('next of %s', (header, url) => expect(nextPage(header)).toBe(url))
  it('are arrays, or objects with one', () => {
    const h = new Headers({ link: '</n>; rel="next"', 'hashscope-stopped-at': '12' })
    expect(pageOf([1], h, d.number)).toEqual({ items: [1], next: '/n', stoppedAt: '12' })
    expect(pageOf({ shares: [1], complete: false, next: '/m', stopped_at: '9' }, new Headers(), d.number)).toEqual({
      items: [1], next: '/m', stoppedAt: '9',
    })
    expect(pageOf('x', new Headers(), d.number)).toEqual({ items: [], next: null, stoppedAt: null })
  })
})

it('leaves out what is not set', () => {
  expect(withQuery('/a')).toBe('/a')
  expect(withQuery('/a', { x: 0, y: undefined })).toBe('/a?x=0')
})
