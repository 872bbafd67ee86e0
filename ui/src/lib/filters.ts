/*
 * The filters of the message list: in the URL as people send it to each
 * other, to the API as it wants them.
 */
export interface MessageFilter {
  readonly session: string
  readonly direction: string
  readonly method: string
  readonly errors: string
  readonly q: string
  readonly since: string
  readonly until: string
}

export const FILTERS = ['session', 'direction', 'method', 'errors', 'q', 'since', 'until'] as const

export function readFilter(query: URLSearchParams): MessageFilter {
  const f = Object.fromEntries(FILTERS.map((key) => [key, (query.get(key) ?? '').trim()]))
  return f as unknown as MessageFilter
}

export function isFiltered(f: MessageFilter): boolean {
  return FILTERS.some((key) => f[key] !== '')
}

const AGE = /^(\d{1,6})(s|m|h|d)$/
const UNIT = { s: 1, m: 60, h: 3600, d: 86400 }

/** "15m" is counted from now; anything else is a time; '' when it is none. */
export function timeOf(s: string, now: number): string {
  const m = AGE.exec(s)
  if (m) return new Date(now - Number(m[1]) * UNIT[m[2] as keyof typeof UNIT] * 1000).toISOString()
  const at = Date.parse(s)
  return Number.isNaN(at) ? '' : new Date(at).toISOString()
}

/** As parameters of GET /api/messages. */
export function toApi(f: MessageFilter, now: number): Record<string, string> {
  const out: Record<string, string> = {}
  if (f.session !== '') out['session_id'] = f.session
  if (f.direction !== '') out['direction'] = f.direction
  if (f.method !== '') out['method'] = f.method
  if (f.errors !== '') out['errors'] = f.errors
  if (f.q !== '') out['q'] = f.q
  for (const key of ['since', 'until'] as const) {
    const at = f[key] === '' ? '' : timeOf(f[key], now)
    if (at !== '') out[key] = at
  }
  return out
}

/** As members of a subscription; null when the view ends in the past. */
export function toFeed(f: MessageFilter): Record<string, string> | null {
  if (f.until !== '') return null
  const out: Record<string, string> = {}
  for (const key of ['session', 'direction', 'method', 'errors', 'q'] as const) {
    if (f[key] !== '') out[key] = f[key]
  }
  return out
}
