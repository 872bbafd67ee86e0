import { describe, expect, it } from 'vitest'
import { isFiltered, readFilter, timeOf, toApi, toFeed } from './filters'

const now = Date.parse('2026-11-21T12:00:00Z')
const read = (s: string) => readFilter(new URLSearchParams(s))

describe('filters', () => {
  it('come from the URL and go to the API', () => {
    const f = read('session=abc&errors=any&q=%20stale%20&since=15m&x=1')
    expect(toApi(f, now)).toEqual({ session_id: 'abc', errors: 'any', q: 'stale', since: '2026-11-21T11:45:00.000Z' })
    expect(toFeed(f)).toEqual({ session: 'abc', errors: 'any', q: 'stale' })
    expect(isFiltered(f)).toBe(true)
    expect(isFiltered(read('x=1'))).toBe(false)
  })
  it('do not follow what has ended', () => {
    expect(toFeed(read('until=1h'))).toBeNull()
  })
  it.each([['90s', '2026-11-21T11:58:30.000Z'], ['2d', '2026-11-19T12:00:00.000Z'], ['2026-11-21T10:00:00Z', '2026-11-21T10:00:00.000Z'], ['soon', ''], ['9999999d', '']])(
    'time %s', (s, t) => expect(timeOf(s, now)).toBe(t))
})
