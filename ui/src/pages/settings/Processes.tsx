import { api } from '@/api'
import { process, type Process } from '@/api/types'
import { bytes, count, duration } from '@/lib/format'
import { isUp } from '@/lib/process'
import { useResource } from '@/state/resource'
import { t } from '@/text'
import { Dot } from '@/ui/Badge'
import { DataTable, type Columns } from '@/ui/DataTable'
import { Panel } from '@/ui/Panel'
import { Raw } from '@/ui/Raw'
import { Loaded } from '@/ui/State'

const columns: Columns<Process> = [
  { id: 'role', header: t.settings.name, accessorFn: (p) => p.role, cell: ({ row: { original: p } }) => <span className="font-medium"><Dot tone={isUp(p) ? 'accepted' : 'rejected'} label={p.role} /></span> },
  { id: 'state', header: t.agents.state, accessorFn: (p) => p.state, cell: ({ row }) => <Raw value={row.original.state} max={24} />, meta: { className: 'text-dim' } },
  { id: 'pid', header: t.settings.pid, accessorFn: (p) => p.pid ?? 0, cell: ({ row }) => row.original.pid ?? '–', meta: { right: true, from: 'md' } },
  { id: 'uptime', header: t.overview.uptime, accessorFn: (p) => p.uptime_s, cell: ({ row }) => duration(row.original.uptime_s), meta: { right: true } },
  { id: 'rss', header: t.settings.memory, accessorFn: (p) => p.rss_kb, cell: ({ row }) => bytes(row.original.rss_kb * 1024), meta: { right: true, from: 'sm' } },
  { id: 'cpu', header: t.settings.cpu, accessorFn: (p) => p.cpu_s, cell: ({ row }) => `${row.original.cpu_s.toFixed(1)} s`, meta: { right: true, from: 'md' } },
  { id: 'generation', header: t.settings.generation, accessorFn: (p) => p.generation, cell: ({ row }) => count(row.original.generation), meta: { right: true, from: 'sm' } },
  { id: 'exit', header: t.settings.lastExit, accessorFn: (p) => p.last_exit ?? '', cell: ({ row }) => <Raw value={row.original.last_exit} max={80} />, meta: { from: 'lg', className: 'text-dim' } },
]

export function Processes() {
  const list = useResource('processes', (signal) => api.page('/api/processes', process, {}, signal), 3000)
  return (
    <Panel flush>
      <Loaded of={list}>{({ items }) => <DataTable label={t.settings.processes} rows={items} columns={columns} id={(p) => p.role} />}</Loaded>
    </Panel>
  )
}
