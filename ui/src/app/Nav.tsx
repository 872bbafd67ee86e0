import { api } from '@/api'
import { any } from '@/api/decode'
import { cx } from '@/lib/cx'
import { useMe } from '@/state/me'
import { usePlace } from '@/state/router'
import { forgetResources, useReach } from '@/state/resource'
import { toggleTheme, useTheme } from '@/state/theme'
import { t } from '@/text'
import { Dot } from '@/ui/Badge'
import { Button } from '@/ui/Button'
import { DocsIcon, MoonIcon, SunIcon } from '@/ui/icons'
import { Link } from '@/ui/Link'
import { Raw } from '@/ui/Raw'
import { isCurrent, NAV } from './routes'

const ITEM = 'flex h-9 items-center gap-2.5 rounded px-2.5 text-sm text-dim hover:bg-raised hover:text-ink'

function Reach() {
  const reach = useReach()
  const tone = reach === 'up' ? 'accepted' : reach === 'down' ? 'rejected' : 'stale'
  return (
    <span role="status" className="text-xs text-dim">
      <Dot tone={tone} label={t.reach[reach]} />
    </span>
  )
}

function Who({ onLogout }: { onLogout: () => void }) {
  const me = useMe()
  const logout = () => {
    const done = () => {
      forgetResources()
      onLogout()
    }
    api.send('POST', '/api/logout', undefined, any).then(done, done)
  }
  return (
    <div className="flex items-center justify-between gap-2">
      <div className="min-w-0 text-xs leading-4">
        <div className="truncate font-medium text-ink">
          <Raw value={me.user} empty={t.nav.open} />
        </div>
        <div className="text-dim">{t.nav.roles[me.role]}</div>
      </div>
      {me.auth_required && (
        <Button look="quiet" onClick={logout} className="!px-2">
          {t.nav.logout}
        </Button>
      )}
    </div>
  )
}

function Theme() {
  const theme = useTheme()
  return (
    <Button look="quiet" icon aria-label={t.nav.theme} title={t.nav.theme} onClick={toggleTheme}>
      {theme === 'dark' ? <SunIcon /> : <MoonIcon />}
    </Button>
  )
}

export function Nav({ open, onLogout }: { open: boolean; onLogout: () => void }) {
  const { path } = usePlace()
  return (
    <div
      className={cx(
        'z-40 flex w-52 shrink-0 flex-col border-r bg-panel p-2.5 transition-transform',
        'fixed inset-y-0 left-0 md:static md:visible md:translate-x-0',
        open ? 'visible translate-x-0' : 'invisible -translate-x-full',
      )}
    >
      <div className="flex items-center gap-2 px-2 pb-3 pt-1.5">
        <img src="/icon.svg" alt="" className="size-6" />
        <span className="text-base font-semibold tracking-tight">{t.name}</span>
      </div>
      <nav aria-label={t.nav.label} className="flex flex-1 flex-col gap-0.5 overflow-y-auto">
        {NAV.map(({ to, label, icon: Icon }) => {
          const current = isCurrent(to, path)
          return (
            <Link key={to} to={to} quiet aria-current={current ? 'page' : undefined}
              className={cx(ITEM, 'hover:no-underline', current && 'bg-raised font-medium !text-ink')}>
              <Icon className={cx('size-4', current && 'text-accent')} />
              {label}
            </Link>
          )
        })}
        <a href="/docs/" className={cx(ITEM, 'mt-3')}>
          <DocsIcon />
          {t.nav.docs}
        </a>
      </nav>
      <div className="space-y-2 border-t px-2 pt-2.5">
        <div className="flex items-center justify-between">
          <Reach />
          <Theme />
        </div>
        <Who onLogout={onLogout} />
      </div>
    </div>
  )
}
