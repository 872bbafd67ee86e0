/* Whether shares are published and agents heard at all; null: not known yet. */
import { api } from '@/api'
import { bool, record } from '@/api/decode'
import { useResource } from './resource'

const config = record({ nostr_enabled: bool })

export function useNostr(): boolean | null {
  const state = useResource('nostr', (signal) => api.get('/api/config', config, {}, signal), 10_000)
  return state.data?.nostr_enabled ?? null
}
