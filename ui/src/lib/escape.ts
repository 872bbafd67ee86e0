/*
 * What a miner, a pool or an agent says is shown as text, and what would
 * change how text is shown is shown as its number.
 */
export interface Piece {
  readonly text: string
  /** An escape of ours, not what was sent. */
  readonly escaped: boolean
}

// Controls, soft hyphen, joiners and spaces of no width, marks and overrides
// of direction, separators, variation selectors, tags, lone surrogates,
// private use, non-characters: ranges of code points.
const RANGES: readonly (readonly [number, number])[] = [
  [0x0000, 0x001f], [0x007f, 0x009f], [0x00ad, 0x00ad], [0x034f, 0x034f], [0x061c, 0x061c],
  [0x115f, 0x1160], [0x17b4, 0x17b5], [0x180b, 0x180e], [0x200b, 0x200f], [0x2028, 0x202e],
  [0x2060, 0x206f], [0x3164, 0x3164], [0xd800, 0xdfff], [0xe000, 0xf8ff], [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff], [0xffa0, 0xffa0], [0xfff0, 0xfffb], [0xfffe, 0xffff], [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff], [0xf0000, 0x10ffff],
]

function hidden(code: number): boolean {
  for (const [from, to] of RANGES) {
    if (code < from) return false
    if (code <= to) return true
  }
  return false
}

function name(code: number): string {
  if (code === 10) return '\\n'
  if (code === 13) return '\\r'
  if (code === 9) return '\\t'
  const hex = code.toString(16)
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`
}

const PLAIN = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u0233]*$/

// So many marks on one letter are no language but a way to paint over lines.
const MARKS_MAX = 4
const MARK = /^\p{M}$/u

/** In pieces, with what cannot be seen escaped. */
export function pieces(s: string): Piece[] {
  if (PLAIN.test(s)) return [{ text: s, escaped: false }]
  const out: Piece[] = []
  let plain = ''
  let marks = 0
  for (const c of s) {
    const code = c.codePointAt(0) ?? 0
    marks = code > 0x2ff && MARK.test(c) ? marks + 1 : 0
    if (!hidden(code) && marks <= MARKS_MAX) {
      plain += c
      continue
    }
    if (plain !== '') out.push({ text: plain, escaped: false })
    plain = ''
    out.push({ text: name(code), escaped: true })
  }
  if (plain !== '') out.push({ text: plain, escaped: false })
  return out
}

/** The same in one string, for titles, labels and file names. */
export function visible(s: string): string {
  return pieces(s).map((p) => p.text).join('')
}

/** At most max characters, and whether some are missing. */
export function clip(s: string, max: number): { text: string; clipped: number } {
  if (s.length <= max) return { text: s, clipped: 0 }
  return { text: s.slice(0, max), clipped: s.length - max }
}
