/*
 * JSON as it was written.  JSON.parse would round large numbers, forget
 * doubled keys and the spelling of strings; an operator who wants to know what
 * was sent needs all of them.  Depth and size are bounded.
 */
export type JsonNode =
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, JsonNode])[] }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number' | 'literal'; readonly value: string }

const DEPTH_MAX = 64
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const STRING = /"(?:[^"\\]|\\.)*"/y
const LITERAL = /true|false|null/y
const SPACE = /[ \t\r\n]*/y

class Reader {
  at = 0
  constructor(private readonly s: string) {}

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const m = pattern.exec(this.s)
    if (!m) return null
    this.at += m[0].length
    return m[0]
  }
  skip(): void {
    this.take(SPACE)
  }
  is(c: string): boolean {
    this.skip()
    if (this.s[this.at] !== c) return false
    this.at++
    return true
  }
  done(): boolean {
    this.skip()
    return this.at === this.s.length
  }
}

function unquote(s: string): string {
  try {
    return String(JSON.parse(s))
  } catch {
    return s.slice(1, -1)
  }
}

function members(r: Reader, depth: number): JsonNode | null {
  const out: [string, JsonNode][] = []
  if (r.is('}')) return { kind: 'object', members: out }
  do {
    r.skip()
    const key = r.take(STRING)
    if (key === null || !r.is(':')) return null
    const v = value(r, depth + 1)
    if (!v) return null
    out.push([unquote(key), v])
  } while (r.is(','))
  return r.is('}') ? { kind: 'object', members: out } : null
}

function items(r: Reader, depth: number): JsonNode | null {
  const out: JsonNode[] = []
  if (r.is(']')) return { kind: 'array', items: out }
  do {
    const v = value(r, depth + 1)
    if (!v) return null
    out.push(v)
  } while (r.is(','))
  return r.is(']') ? { kind: 'array', items: out } : null
}

function value(r: Reader, depth: number): JsonNode | null {
  if (depth > DEPTH_MAX) return null
  if (r.is('{')) return members(r, depth)
  if (r.is('[')) return items(r, depth)
  const s = r.take(STRING)
  if (s !== null) return { kind: 'string', value: unquote(s) }
  const literal = r.take(LITERAL)
  if (literal !== null) return { kind: 'literal', value: literal }
  const n = r.take(NUMBER)
  return n === null ? null : { kind: 'number', value: n }
}

export function parseJson(s: string): JsonNode | null {
  const r = new Reader(s)
  const v = value(r, 0)
  return v && r.done() ? v : null
}

/** A short line of it: params and results in a table. */
export function brief(node: JsonNode, max = 160): string {
  let out = ''
  const put = (s: string): void => {
    if (out.length <= max) out += s
  }
  const walk = (n: JsonNode): void => {
    if (out.length > max) return
    switch (n.kind) {
      case 'string':
        put(n.value.length > 40 ? `${n.value.slice(0, 16)}…${n.value.slice(-8)}` : n.value)
        break
      case 'array':
        put('[')
        n.items.forEach((item, i) => {
          if (i > 0) put(', ')
          walk(item)
        })
        put(']')
        break
      case 'object':
        put('{')
        n.members.forEach(([key, item], i) => {
          put(`${i > 0 ? ', ' : ''}${key}: `)
          walk(item)
        })
        put('}')
        break
      default:
        put(n.value)
    }
  }
  walk(node)
  return out.length > max ? `${out.slice(0, max)}…` : out
}

/** The member of an object, by name; the last one wins, as for a parser. */
export function member(node: JsonNode | null, name: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  let found: JsonNode | null = null
  for (const [key, v] of node.members) if (key === name) found = v
  return found
}
