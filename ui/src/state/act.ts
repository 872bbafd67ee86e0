/* Doing something: one at a time, and saying how it ended. */
import { useCallback, useState } from 'react'
import { api } from '@/api'
import { any } from '@/api/decode'
import { ApiError } from '@/api/transport'
import { t } from '@/text'
import { toast } from './toasts'

export function explainError(e: unknown): string {
  if (!(e instanceof ApiError)) return String(e)
  if (e.status === 0) return t.error.unreachable
  if (e.status === 403) return t.error.forbidden
  return e.detail === '' ? t.error.status(e.status) : e.detail
}

export interface Act {
  readonly busy: boolean
  /** Resolves to whether it was done. */
  readonly run: (path: string, body?: unknown, done?: string, method?: 'POST' | 'DELETE') => Promise<boolean>
}

export function useAct(after?: () => void): Act {
  const [busy, setBusy] = useState(false)
  const run = useCallback<Act['run']>(
    async (path, body, done, method = 'POST') => {
      setBusy(true)
      try {
        await api.send(method, path, body, any)
        if (done !== undefined) toast(done)
        after?.()
        return true
      } catch (e) {
        toast(explainError(e), true)
        return false
      } finally {
        setBusy(false)
      }
    },
    [after],
  )
  return { busy, run }
}
