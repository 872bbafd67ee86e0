import type { Process } from '@/api/types'

/** Whether a process of HashScope does its work. */
export function isUp(p: Process): boolean {
  return p.state === 'ready' || p.state === 'running' || p.state === 'up'
}
