import { describe, expect, it } from 'vitest'
import { brief, member, parseJson } from './json'

describe('parseJson', () => {
  it('keeps numbers, doubled keys and order as they were written', () => {
    const n = parseJson('{"id":12345678901234567890,"a":1.50,"a":2}')
    expect(n).toEqual({
      kind: 'object',
      members: [
        ['id', { kind: 'number', value: '12345678901234567890' }],
        ['a', { kind: 'number', value: '1.50' }],
        ['a', { kind: 'number', value: '2' }],
      ],
    })
    expect(member(n, 'a')).toEqual({ kind: 'number', value: '2' })
  })
  it.each(['', '{', '{"a"}', '[1,]', 'nul', '1 2', '{"a":1,}', '"', '[1 2]', '01'])('refuses %j', (s) =>
    expect(parseJson(s)).toBeNull())
  it.each(['null', '[]', '{}', '"\\u202e"', '-1e5', ' [ true , false ] '])('takes %j', (s) =>
    expect(parseJson(s)).not.toBeNull())
  it('bounds the depth', () => {
    expect(parseJson('['.repeat(64) + ']'.repeat(64))).not.toBeNull()
    expect(parseJson('['.repeat(100000))).toBeNull()
  })
  it('takes 64 KiB of one string', () => {
    expect(parseJson(JSON.stringify('\\"'.repeat(32768)))).not.toBeNull()
  })
})

describe('brief', () => {
  it('shortens long strings and long lists', () => {
    const n = parseJson(`["${'ab'.repeat(40)}", {"x": [1, null]}]`)
    expect(n && brief(n)).toBe('[abababababababab…abababab, {x: [1, null]}]')
    const many = parseJson(`[${'1,'.repeat(500)}1]`)
    expect(many && brief(many, 20)).toHaveLength(21)
  })
})
