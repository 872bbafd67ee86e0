import { expect, it } from 'vitest'
import { counted, rateNow, rateOver } from './rates'

it('reads windows, plain numbers, and what is neither', () => {
  expect(rateOver({ '1m': 5, '1h': 'x' }, '1m')).toBe(5)
  expect(rateOver({ '1m': 5, '1h': 'x' }, '1h')).toBeNull()
  expect(rateNow({ '1h': 7 })).toBe(7)
  expect(rateNow(3)).toBe(3)
  expect(rateNow('3')).toBeNull()
  expect(rateNow(undefined)).toBeNull()
})

it('counts', () => {
  expect(counted({ accepted: 3, rejected: 1, stale: 1 })).toEqual({ accepted: 3, rejected: 1, stale: 1, total: 4 })
  expect(counted({ accepted: 3, total: 9, rejected: {} })).toEqual({ accepted: 3, rejected: 0, stale: 0, total: 9 })
  expect(counted(null)).toEqual({ accepted: 0, rejected: 0, stale: 0, total: 0 })
})
