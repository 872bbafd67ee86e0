import { describe, expect, it } from 'vitest'
import { changed, match } from './router'

describe('match', () => {
  it.each([
    ['/', '/', {}],
    ['/messages', '/messages', {}],
    ['/messages', '/messages/', {}],
    ['/messages/:id', '/messages/12', { id: '12' }],
    ['/workers/:name', '/workers/a%2Fb', { name: 'a/b' }],
    ['/messages/:id', '/messages', null],
    ['/messages', '/message', null],
    ['/workers/:name', '/workers/%E0%A4', null],
  ])('%s against %s', (pattern, path, params) => expect(match(pattern, path)).toEqual(params))
})

it('changes a query', () => {
  const q = new URLSearchParams('a=1&b=2')
  expect(changed(q, { a: '', c: 'x y' })).toBe('?b=2&c=x+y')
  expect(changed(q, { a: '', b: '' })).toBe('')
})
