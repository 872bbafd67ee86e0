import { describe, expect, it } from 'vitest'
import { telemetry } from '@/api/fleet'
import { isStale, rate, reportsOf } from './agent'

const at = (second: number, accepted: number) =>
  telemetry({ ts: `2026-11-21T12:00:0${second}Z`, stats: { submits_accepted_total: accepted, latency_p50_ms: null } })

describe('reports', () => {
  const reports = reportsOf([at(4, 2), at(2, 30), at(0, 10), at(2, 30), telemetry({ ts: 'soon' })])
  it('are told oldest first, each once', () => {
    expect(reports.times.map((t) => t % 60)).toEqual([0, 2, 4])
    expect(reports.line('submits_accepted_total')).toEqual([10, 30, 2])
    expect(reports.line('latency_p50_ms')).toEqual([null, null, null])
  })
  it('grow, but not over a restart', () => expect(reports.growth('submits_accepted_total')).toEqual([null, 10, null]))
})

it('is stale after a minute of silence', () => {
  const now = Date.parse('2026-11-21T12:01:01Z')
  expect(isStale('2026-11-21T12:00:00Z', now)).toBe(true)
  expect(isStale('2026-11-21T12:00:02Z', now)).toBe(false)
  expect(isStale(null, now)).toBe(true)
})

it.each([[null, '–'], [undefined, '–'], [0.5, '0.50'], [12.4, '12']])('rate %s', (n, s) => expect(rate(n)).toBe(s))
