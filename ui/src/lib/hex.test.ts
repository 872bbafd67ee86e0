import { describe, expect, it } from 'vitest'
import { bytesOf, hexLines } from './hex'

describe('hex', () => {
  it('shows bytes in lines of sixteen', () => {
    const lines = hexLines(bytesOf('{"id":1,"method":"x"}', 'utf8'))
    expect(lines).toHaveLength(2)
    expect(lines[0]).toEqual({
      offset: '000000',
      hex: '7b 22 69 64 22 3a 31 2c  22 6d 65 74 68 6f 64 22',
      ascii: '{"id":1,"method"',
    })
  })
  it('reads base64', () => {
    expect([...bytesOf('/wCA', 'base64')]).toEqual([255, 0, 128])
    expect(hexLines(bytesOf('/wCA', 'base64'))[0]?.ascii).toBe('···')
  })
  it('gives nothing for what is no base64', () => {
    expect(bytesOf('***', 'base64')).toHaveLength(0)
  })
  it('stops', () => {
    expect(hexLines(new Uint8Array(1000), 3)).toHaveLength(3)
  })
})
