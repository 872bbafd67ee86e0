import type { Stat } from '@/api/types'
import { count } from '@/lib/format'
import { t } from '@/text'
import { Link } from '@/ui/Link'
import { Panel } from '@/ui/Panel'

export function Reasons({ whole }: { whole: Stat | null }) {
  const causes = Object.entries(whole?.shares.causes ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])
  const most = causes[0]?.[1] ?? 1
  return (
    <Panel title={t.overview.reasons} aside={<Link to="/shares?pool_verdict=rejected">{t.overview.rejected}</Link>}>
      {causes.length === 0 ? (
        <p className="text-sm text-dim">{t.overview.noReasons}</p>
      ) : (
        <ul className="space-y-2">
          {causes.slice(0, 8).map(([cause, n]) => (
            <li key={cause} className="text-sm">
              <div className="flex justify-between gap-4">
                <span className="truncate">{t.causes[cause] ?? cause.replaceAll('_', ' ')}</span>
                <span className="tabular-nums">{count(n)}</span>
              </div>
              <div className="mt-1 h-1 rounded-full bg-raised"><div className="h-1 rounded-full bg-rejected/70" style={{ width: `${(100 * n) / most}%` }} /></div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
