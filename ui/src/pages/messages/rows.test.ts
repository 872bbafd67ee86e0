import { describe, expect, it } from 'vitest'
import { Slots } from './slots'
import { ROW, rowsOf } from './useRows'

describe('Slots', () => {
  it('keeps the row of what is still seen, and gives those of others to what is new', () => {
    const s = new Slots()
    expect(s.assign(['c', 'b', 'a'])).toEqual([0, 1, 2])
    expect(s.assign(['d', 'c', 'b'])).toEqual([2, 0, 1])
    expect(s.assign(['g', 'f', 'e'])).toEqual([2, 0, 1])
  })
  it('never gives one to two, however many are seen', () => {
    const s = new Slots()
    let id = 0
    for (const n of [5, 2, 9, 1, 30, 3, 4, 12]) {
      const ids = Array.from({ length: n }, (_, i) => `m${id + (i % 3 === 0 ? i : 1000 * id + i)}`)
      const slots = s.assign(ids)
      expect(new Set(slots).size).toBe(n)
      expect(Math.min(...slots)).toBeGreaterThanOrEqual(0)
      id += 2
    }
  })
})

describe('rowsOf', () => {
  it.each([
    [0, 300, 1000, 0, 19, true],
    [ROW * 100 + 5, 300, 1000, 92, 119, false],
    [ROW * 995, 300, 1000, 982, 1000, false],
    [ROW * 5000, 300, 20, 2, 20, false],
    [0, 0, 0, 0, 0, true],
    [-50, 300, 4, 0, 4, true],
  ])('%d of %d in %d rows', (top, height, rows, from, to, atTop) => {
    expect(rowsOf(top, height, rows)).toEqual({ from, to, atTop })
  })
  it('makes few rows on any screen', () => {
    const { from, to } = rowsOf(1e6, 1e9, 1e6)
    expect(to - from).toBeLessThan(300)
  })
})
