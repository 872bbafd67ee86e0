/*
 * What comes from outside, made into what the types promise.  A decoder is
 * total: it never throws, whatever it is given.  An object where a string
 * belongs becomes its JSON text, a string where a number belongs null.
 */
export type Decoder<T> = (value: unknown) => T
export type Of<D> = D extends Decoder<infer T> ? T : never

const MAX_TEXT = 1 << 20

function stringify(value: unknown): string {
  try {
    const s: unknown = JSON.stringify(value)
    return typeof s === 'string' ? s.slice(0, MAX_TEXT) : ''
  } catch {
    return ''
  }
}

/** A string; null and undefined are ''. */
export const text: Decoder<string> = (v) => {
  if (typeof v === 'string') return v
  return v === null || v === undefined ? '' : stringify(v)
}

/** A string, or null for what is not there. */
export const maybeText: Decoder<string | null> = (v) =>
  v === null || v === undefined ? null : text(v)

/** A finite number, or null. */
export const maybeNumber: Decoder<number | null> = (v) =>
  typeof v === 'number' && Number.isFinite(v) ? v : null

/** A finite number; 0 for anything else. */
export const number: Decoder<number> = (v) => maybeNumber(v) ?? 0

export const bool: Decoder<boolean> = (v) => v === true

/** null is what is not known. */
export const maybeBool: Decoder<boolean | null> = (v) => (typeof v === 'boolean' ? v : null)

/** Passed on as it is, for what is only shown as JSON. */
export const any: Decoder<unknown> = (v) => v

export function isObject(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

/** An array of what `each` makes; [] for anything else. */
export function list<T>(each: Decoder<T>): Decoder<T[]> {
  return (v) => (Array.isArray(v) ? v.map(each) : [])
}

/** One of these words; the first for anything else. */
export function word<const W extends readonly [string, ...string[]]>(...words: W): Decoder<W[number]> {
  return (v) => words.find((w) => w === v) ?? words[0]
}

/** One of these words, or null. */
export function maybeWord<const W extends readonly string[]>(...words: W): Decoder<W[number] | null> {
  return (v) => words.find((w) => w === v) ?? null
}

type Shape = Record<string, Decoder<unknown>>
export type Record_<S extends Shape> = { [K in keyof S]: Of<S[K]> }

/** An object with every field of the shape; others are dropped. */
export function record<S extends Shape>(shape: S): Decoder<Record_<S>> {
  const keys = Object.keys(shape)
  return (v) => {
    const from = isObject(v) ? v : {}
    const into: Record<string, unknown> = {}
    for (const key of keys) {
      into[key] = shape[key]?.(Object.hasOwn(from, key) ? from[key] : undefined)
    }
    return into as Record_<S>
  }
}

/** A record, or null when there is no object. */
export function maybe<T>(d: Decoder<T>): Decoder<T | null> {
  return (v) => (isObject(v) ? d(v) : null)
}

/** An object of numbers, by whatever names. */
export const numbers: Decoder<Record<string, number>> = (v) => {
  const into: Record<string, number> = {}
  if (!isObject(v)) return into
  for (const [key, n] of Object.entries(v)) {
    if (typeof n === 'number' && Number.isFinite(n)) into[key] = n
  }
  return into
}
