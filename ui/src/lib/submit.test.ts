import { describe, expect, it } from 'vitest'
import { checkFields, checkLine, readSubmit, writeSubmit } from './submit'

const raw = '{"method": "mining.submit", "params": ["demo.a", "6b01", "0e00", "6b01bccc", "61b4db26","05ffc000"], "id":24}\n'

describe('a submit', () => {
  it('goes into a form and back', () => {
    const s = readSubmit(raw)!
    expect(s).toEqual({ worker: 'demo.a', job: '6b01', extranonce2: '0e00', ntime: '6b01bccc', nonce: '61b4db26', version_bits: '05ffc000' })
    expect(readSubmit(writeSubmit({ ...s, worker: 'a"\n' }))?.worker).toBe('a"\n')
    expect(writeSubmit({ ...s, version_bits: '' })).not.toContain('05ffc000')
    expect(checkLine(writeSubmit({ ...s, worker: 'a\nb' }))).toBeNull()
  })
  it.each(['', '{}', '{"params":[1,2,3,4,5]}', '{"params":["a"]}', '[]'])('is not read from %j', (s) =>
    expect(readSubmit(s)).toBeNull())
  it.each([
    ['{"method":"mining.submit","params":["a","b","c","d","e"]}', null],
    ['{"method":"mining.submit",\n"params":["a","b","c","d","e"]}', 'lines'],
    ['{"method":"mining.authorize","params":["a","b","c","d","e"]}', 'method'],
    ['{"method":"mining.submit","params":["a"]}', 'params'],
    ['nonsense', 'json'],
    ['"x"', 'json'],
    [`"${'x'.repeat(20000)}"`, 'size'],
  ])('line %s', (line, kind) => expect(checkLine(line)?.kind ?? null).toBe(kind))
  it('has hex of some length', () => {
    const s = readSubmit(raw)!
    expect(checkFields(s)).toBeNull()
    expect(checkFields({ ...s, version_bits: '' })).toBeNull()
    expect(checkFields({ ...s, nonce: '12' })).toEqual({ kind: 'length', field: 'nonce', length: 8 })
    expect(checkFields({ ...s, extranonce2: 'xyz' })).toEqual({ kind: 'hex', field: 'extranonce2' })
  })
})
