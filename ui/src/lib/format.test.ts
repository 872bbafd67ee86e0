import { describe, expect, it } from 'vitest'
import * as f from './format'

describe('figures', () => {
  it.each([
    [null, '–'], [0, '0'], [7, '7'], [999, '999'], [999.7, '1.00 k'], [12345, '12.3 k'], [4.2e12, '4.20 T'],
    [-1500, '−1.50 k'], [NaN, '–'], [0.5, '0.50'], [1e30, '1000000 Y'],
  ])('si %s', (n, s) => expect(f.si(n)).toBe(s))
  it.each([[1.23e14, '123 TH/s'], [null, '–'], [950, '950 H/s']])('hashrate %s', (n, s) =>
    expect(f.hashrate(n)).toBe(s))
  it.each([[2e-5, '2e-5'], [1, '1'], [8192, '8192'], [65536, '65.5 k'], [0, '0'], [0.0123456, '0.01235'], [null, '–']])(
    'difficulty %s', (n, s) => expect(f.difficulty(n)).toBe(s))
  it.each([[0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [10 * 1024 * 1024, '10 MiB'], [null, '–']])(
    'bytes %s', (n, s) => expect(f.bytes(n)).toBe(s))
  it.each([[0.032, '0.032 ms'], [3.24, '3.2 ms'], [45.4, '45 ms'], [1234, '1,234 ms'], [null, '–']])(
    'ms %s', (n, s) => expect(f.ms(n)).toBe(s))
  it.each([[1, 3, '33.3 %'], [1, 100, '1.00 %'], [0, 5, '0 %'], [1, 0, '–'], [1, 1e6, '< 0.01 %'], [null, 4, '–']])(
    'percent %s of %s', (a, b, s) => expect(f.percent(a, b)).toBe(s))
})

describe('times', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  it.each([
    ['2026-11-21T11:59:59.5Z', 'now'], ['2026-11-21T11:59:48Z', '12 s'], ['2026-11-21T11:56:30Z', '3 min'],
    ['2026-11-21T08:00:00Z', '4 h'], ['2026-11-18T08:00:00Z', '3 d 4 h'], ['', '–'], ['nonsense', '–'], [null, '–'],
  ])('ago %s', (t, s) => expect(f.ago(t, now)).toBe(s))
  it('shows UTC with all figures', () => {
    expect(f.utc('2026-11-21T12:00:00.123456Z')).toBe('2026-11-21 12:00:00.123456 UTC')
    expect(f.utc('x')).toBe('')
  })
  it('shows the time of the zone', () => {
    const t = new Date(2026, 10, 21, 4, 5, 6, 7).toISOString()
    expect(f.clock(t)).toBe('04:05:06.007')
    expect(f.dateTime(t)).toBe('2026-11-21 04:05:06')
  })
  it.each([[0, '0 s'], [59, '59 s'], [60, '1 min'], [3661, '1 h 1 min'], [90000, '1 d 1 h'], [-5, '0 s'], [null, '–']])(
    'duration %s', (n, s) => expect(f.duration(n)).toBe(s))
})
