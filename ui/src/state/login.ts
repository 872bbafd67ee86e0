/*
 * The link of `hashscopectl login-url` ends in #login=CODE, which no server
 * log and no Referer ever sees.  The code is good once.
 */
import { api } from '@/api'
import { any } from '@/api/decode'

const MARK = '#login='

/** Takes the code out of the address; null when there is none. */
export function takeCode(): string | null {
  const { hash, pathname, search } = window.location
  if (!hash.startsWith(MARK)) return null
  window.history.replaceState(null, '', pathname + search)
  return hash.slice(MARK.length)
}

/** Resolves to whether it logged in. */
export async function loginByCode(code: string): Promise<boolean> {
  try {
    await api.send('POST', '/api/login', { code }, any)
    return true
  } catch {
    return false
  }
}
