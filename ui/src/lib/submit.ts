/*
 * A mining.submit as a form: its parameters by name, and back into one line.
 * What cannot be sent is refused here already, with the reason.
 */
import { member, parseJson, type JsonNode } from './json'

export const SUBMIT_FIELDS = ['worker', 'job', 'extranonce2', 'ntime', 'nonce', 'version_bits'] as const
export type SubmitField = (typeof SUBMIT_FIELDS)[number]
export type Submit = Record<SubmitField, string>

export type Problem =
  | { readonly kind: 'json' | 'lines' | 'method' | 'params' | 'size' }
  | { readonly kind: 'hex'; readonly field: SubmitField }
  | { readonly kind: 'length'; readonly field: SubmitField; readonly length: number }

const LINE_MAX = 16384

function params(node: JsonNode | null): string[] | null {
  const list = member(node, 'params')
  if (list?.kind !== 'array') return null
  const out: string[] = []
  for (const item of list.items) {
    if (item.kind !== 'string') return null
    out.push(item.value)
  }
  return out
}

/** The fields of a captured submit; null when it is none. */
export function readSubmit(raw: string): Submit | null {
  const list = params(parseJson(raw.trim()))
  if (!list || list.length < 5) return null
  const [worker = '', job = '', extranonce2 = '', ntime = '', nonce = '', version_bits = ''] = list
  return { worker, job, extranonce2, ntime, nonce, version_bits }
}

/** One line of JSON; the id is replaced on sending. */
export function writeSubmit(s: Submit): string {
  const list = [s.worker, s.job, s.extranonce2, s.ntime, s.nonce]
  if (s.version_bits !== '') list.push(s.version_bits)
  return JSON.stringify({ id: 1, method: 'mining.submit', params: list })
}

const HEX = /^[0-9a-fA-F]*$/

/** Why such a line is not sent; null when it may be. */
export function checkLine(line: string): Problem | null {
  if (/[\r\n]/.test(line.trim())) return { kind: 'lines' }
  if (new TextEncoder().encode(line).length > LINE_MAX) return { kind: 'size' }
  const node = parseJson(line)
  if (node?.kind !== 'object') return { kind: 'json' }
  const method = member(node, 'method')
  if (method?.kind !== 'string' || method.value !== 'mining.submit') return { kind: 'method' }
  const list = params(node)
  return list && list.length >= 5 ? null : { kind: 'params' }
}

/** What is odd about the fields: a hint, since a wrong one may be wanted. */
export function checkFields(s: Submit): Problem | null {
  for (const field of ['extranonce2', 'ntime', 'nonce', 'version_bits'] as const) {
    if (!HEX.test(s[field])) return { kind: 'hex', field }
  }
  for (const field of ['ntime', 'nonce', 'version_bits'] as const) {
    if (s[field].length !== 8 && !(field === 'version_bits' && s[field] === '')) {
      return { kind: 'length', field, length: 8 }
    }
  }
  return null
}
