/* The filters above the message list; they live in the URL. */
import { useEffect, useState, type Ref } from 'react'
import { DIRECTIONS } from '@/api/types'
import { isFiltered, type MessageFilter } from '@/lib/filters'
import { shortId } from '@/lib/format'
import { navigate, useParam } from '@/state/router'
import { t } from '@/text'
import { Button } from '@/ui/Button'
import { Input, Select } from '@/ui/Input'

const METHODS = [
  'mining.submit', 'mining.notify', 'mining.set_difficulty', 'mining.subscribe', 'mining.authorize',
  'mining.configure', 'mining.set_extranonce', 'mining.set_version_mask', 'client.reconnect', 'client.show_message',
]

const SEARCH_MS = 300

function Search({ ref }: { ref: Ref<HTMLInputElement> }) {
  const [q, setQ] = useParam('q')
  const [typed, setTyped] = useState(q)
  useEffect(() => setTyped(q), [q])
  useEffect(() => {
    if (typed === q) return
    const id = setTimeout(() => setQ(typed), SEARCH_MS)
    return () => clearTimeout(id)
  }, [typed, q, setQ])
  return (
    <Input
      ref={ref}
      type="search"
      aria-label={t.messages.searchLabel}
      placeholder={t.messages.search}
      maxLength={200}
      value={typed}
      onChange={(e) => setTyped(e.target.value)}
      onKeyDown={(e) => e.key === 'Escape' && e.currentTarget.blur()}
      className="w-full sm:w-56"
    />
  )
}

function Choice({ name, label, any, options }: { name: string; label: string; any: string; options: [string, string][] }) {
  const [value, set] = useParam(name)
  const shown: [string, string][] = [['', any], ...options]
  if (value !== '' && !options.some(([v]) => v === value)) shown.push([value, value])
  return <Select aria-label={label} value={value} options={shown} onValue={set} className="max-w-[48%] sm:max-w-none" />
}

export function Filters({ filter, search }: { filter: MessageFilter; search: Ref<HTMLInputElement> }) {
  const [session, setSession] = useParam('session')
  return (
    <div role="search" className="flex flex-wrap items-center gap-2">
      <Search ref={search} />
      <Choice name="direction" label={t.messages.direction} any={t.messages.anyDirection} options={DIRECTIONS.map((d) => [d, t.direction[d]])} />
      <Choice name="method" label={t.messages.method} any={t.messages.anyMethod} options={METHODS.map((m) => [m, m])} />
      <Choice name="errors" label={t.messages.errors} any={t.messages.anyErrors} options={Object.entries(t.messages.errorKinds)} />
      <Choice name="since" label={t.messages.time} any={t.messages.anyTime} options={Object.entries(t.messages.times)} />
      {session !== '' && (
        <Button look="quiet" onClick={() => setSession('')} title={session}>
          {t.messages.session} {shortId(session)} ×
        </Button>
      )}
      {isFiltered(filter) && (
        <Button look="quiet" onClick={() => navigate('/messages', { replace: true })}>
          {t.messages.clear}
        </Button>
      )}
    </div>
  )
}
