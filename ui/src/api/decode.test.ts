import { describe, expect, it } from 'vitest'
import * as d from './decode'

const hostile: unknown[] = [
  undefined, null, true, false, 0, -1, NaN, Infinity, '', 'text', '<img src=x onerror=alert(1)>',
  [], [1, [2, [3]]], {}, { a: { b: {} } }, { toString: 'x' }, { __proto__: null, length: -1 },
  '\u202eevil', 'x'.repeat(65536), JSON.parse('{"__proto__": {"polluted": true}}'),
]

describe('decoders are total', () => {
  const shape = d.record({
    t: d.text, m: d.maybeText, n: d.number, k: d.maybeNumber, b: d.bool,
    l: d.list(d.text), w: d.word('a', 'b'), o: d.record({ x: d.number }), p: d.maybe(d.record({ y: d.text })),
    s: d.numbers,
  })
  it.each(hostile.map((v, i) => [i, v] as const))('value %i in every place', (_i, v) => {
    const got = shape({ t: v, m: v, n: v, k: v, b: v, l: v, w: v, o: v, p: v, s: v })
    expect(typeof got.t).toBe('string')
    expect(got.m === null || typeof got.m === 'string').toBe(true)
    expect(Number.isFinite(got.n)).toBe(true)
    expect(typeof got.b).toBe('boolean')
    expect(Array.isArray(got.l)).toBe(true)
    expect(['a', 'b']).toContain(got.w)
    expect(Number.isFinite(got.o.x)).toBe(true)
    expect(shape(v)).toHaveProperty('t')
  })
  it('takes nothing from a prototype', () => {
    const got = d.record({ constructor: d.maybeText, polluted: d.bool })({})
    expect(got.constructor).toBeNull()
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
  it('shows an object where a string belongs', () => {
    expect(d.text({ a: [1] })).toBe('{"a":[1]}')
    expect(d.text(12)).toBe('12')
  })
  it('survives a cycle', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(d.text(cycle)).toBe('')
  })
})
