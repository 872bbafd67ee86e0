/* How a session and its pool are called. */
import type { Session } from '@/api/types'

export function poolName(s: Session): string {
  return s.pool_host === null ? '' : `${s.pool_host}${s.pool_port === null ? '' : `:${s.pool_port}`}`
}

export function sessionName(s: Session): string {
  return s.workers[0] ?? s.user_agent ?? s.peer
}
