import { describe, expect, it } from 'vitest'
import { KEPT, merge, renewed } from './pages'

const page = (from: number, count: number, next: string | null = 'more') => ({
  items: Array.from({ length: count }, (_, i) => ({ id: String(from - i) })), next, stoppedAt: null,
})
const id = (row: { id: string }) => row.id

describe('the newest page over a list', () => {
  it('joins it where they meet', () => {
    const all = merge(page(10, 5).items, page(12, 4), id)
    expect(all?.map(id)).toEqual(['12', '11', '10', '9', '8', '7', '6'])
    expect(merge([], page(3, 3), id)?.length).toBe(3)
    expect(merge(page(3, 3).items, page(9, 0), id)).toEqual([])
  })
  it('has a hole when more came than fits a page', () => {
    expect(merge(page(10, 5).items, page(99, 5), id)).toBeNull()
    expect(merge(page(10, 5).items, page(13, 3, null), id)?.length).toBe(8)
  })
  it('begins anew at the top, and stands still further down', () => {
    const old = { rows: page(10, 5).items, next: 'old' }
    expect(renewed(old, page(99, 5), id, true)).toMatchObject({ next: 'more', rows: { length: 5 } })
    expect(renewed(old, page(99, 5), id, false)).toBe(old)
    expect(renewed(old, page(12, 4), id, true)).toMatchObject({ next: 'old', rows: { length: 7 } })
  })
  it('does not grow for ever', () => {
    let s: { rows: readonly { id: string }[] | undefined; next: string | null } = { rows: undefined, next: null }
    for (let newest = 100; newest < 5000; newest += 10) {
      s = renewed(s, page(newest, 100), id, true)
      expect(s.rows?.length).toBeLessThanOrEqual(KEPT)
    }
    expect(s.rows?.[0]).toEqual({ id: '4990' })
  })
})
