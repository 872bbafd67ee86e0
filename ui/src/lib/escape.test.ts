import { describe, expect, it } from 'vitest'
import { clip, pieces, visible } from './escape'

describe('visible', () => {
  it.each([
    ['plain', 'plain'],
    ['größe ☃ 日本', 'größe ☃ 日本'],
    ['a\u0000b', 'a\\u0000b'],
    ['\u202eevil', '\\u202eevil'],
    ['a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
    ['line\nnext\r\t', 'line\\nnext\\r\\t'],
    ['\ud800', '\\ud800'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\u001b[31m', '\\u001b[31m'],
    ['\u2066x\u2069', '\\u2066x\\u2069'],
    ['<b>', '<b>'],
  ])('%j', (from, to) => {
    expect(visible(from)).toBe(to)
  })
  it('stops marks piled on one letter', () => {
    const piled = 'a' + '\u0301'.repeat(50)
    expect(pieces(piled).filter((p) => p.escaped)).toHaveLength(46)
    expect(visible('e\u0301')).toBe('e\u0301')
  })
})

describe('clip', () => {
  it('says how much is missing', () => {
    expect(clip('x'.repeat(10), 4)).toEqual({ text: 'xxxx', clipped: 6 })
    expect(clip('abc', 4)).toEqual({ text: 'abc', clipped: 0 })
  })
})
